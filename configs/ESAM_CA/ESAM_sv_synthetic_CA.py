"""ESAM single view on synthetic rooms: the main job on any machine (`make demo`).

python tools/train.py configs/ESAM_CA/ESAM_sv_synthetic_CA.py
python tools/test.py configs/ESAM_CA/ESAM_sv_synthetic_CA.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/small_rgbd_sv.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv_narrow.py",
    "../_base_/schedules/esam_minutes.py",
]

val_dataloader = val_evaluator = None
default_hooks = dict(checkpoint=dict(save_best=None))
