"""ESAM single view, class-aware, ScanNet (18 things, 20 semantic classes).

python tools/train.py configs/ESAM/ESAM_sv_scannet.py
python tools/test.py configs/ESAM/ESAM_sv_scannet.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/scannet_sv.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv.py",
    "../_base_/schedules/esam_128e.py",
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
val_evaluator = dict(class_agnostic=False)
test_evaluator = dict(class_agnostic=False)
load_from = "work_dirs/pretrained/mask3d_scannet200.pth"
# A Mask3D checkpoint has the backbone only; an ESAM checkpoint has everything.
load_from_policy = dict(allow_missing=[r"^pool\.", r"^decoder\."])
