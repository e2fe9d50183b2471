"""ESAM single view, class-aware, ScanNet200 (198 things, 200 semantic classes).

No number was published for it: the authors released class-agnostic weights alone.

python tools/train.py configs/ESAM/ESAM_sv_scannet200.py
python tools/test.py configs/ESAM/ESAM_sv_scannet200.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/scannet200_sv.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv.py",
    "../_base_/schedules/esam_128e.py",
]

model = dict(
    num_classes=198,
    decoder=dict(num_instance_classes=198),
    criterion=dict(inst_criterion=dict(num_classes=198)),
)
val_evaluator = dict(class_agnostic=False)
test_evaluator = dict(class_agnostic=False)
load_from = "work_dirs/pretrained/mask3d_scannet200.pth"
# A Mask3D checkpoint has the backbone only; an ESAM checkpoint has everything.
load_from_policy = dict(allow_missing=[r"^pool\.", r"^decoder\."])
