"""ESAM single view, class-agnostic, ScanNet200: the baseline of everything ESAM.

Expected: AP 0.53, AP50 0.75, AP25 0.88 were reported for this model with DINOv2
features; no number was published without them.

    python tools/train.py configs/ESAM_CA/ESAM_sv_scannet200_CA.py
    python tools/test.py configs/ESAM_CA/ESAM_sv_scannet200_CA.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/scannet200_sv.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv.py",
    "../_base_/schedules/esam_128e.py",
]

load_from = "work_dirs/pretrained/mask3d_scannet200.pth"
# A Mask3D checkpoint has the backbone only; an ESAM checkpoint has everything.
load_from_policy = dict(allow_missing=[r"^pool\.", r"^decoder\."])
