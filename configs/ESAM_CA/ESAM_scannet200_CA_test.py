"""ESAM single view on whole reconstructions of ScanNet200, class-agnostic.

A mesh at once, its segments as superpoints, no stream: what weights trained on single
frames find there, or those of OneFormer3D's kind of training. No number was published.

    python tools/test.py configs/ESAM_CA/ESAM_scannet200_CA_test.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/scannet200.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv.py",
]

val_evaluator = None
test_cfg = dict()
custom_hooks = []  # which draw on images
