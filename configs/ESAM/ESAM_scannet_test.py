"""ESAM single view on whole reconstructions of ScanNet, class-aware (18 things).

A mesh at once, its segments as superpoints, no stream. No number was published.

    python tools/test.py configs/ESAM/ESAM_scannet_test.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/scannet20.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv.py",
]

model = dict(
    num_classes=18,
    decoder=dict(num_instance_classes=18, num_semantic_classes=20),
    criterion=dict(
        num_semantic_classes=20,
        sem_criterion=dict(ignore_index=20),
        inst_criterion=dict(num_classes=18),
    ),
)
val_evaluator = None
test_evaluator = dict(class_agnostic=False)
test_cfg = dict()
custom_hooks = []  # which draw on images
