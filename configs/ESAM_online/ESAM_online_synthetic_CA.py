"""ESAM online on tours of synthetic rooms (`make demo-online`), after `make demo`.

python tools/train.py configs/ESAM_online/ESAM_online_synthetic_CA.py
python tools/test.py configs/ESAM_online/ESAM_online_synthetic_CA.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/small_rgbd_mv.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_online_narrow.py",
    "../_base_/schedules/esam_minutes.py",
]

val_dataloader = val_evaluator = None
default_hooks = dict(checkpoint=dict(save_best=None))
load_from = "work_dirs/demo/epoch_12.pth"
load_from_policy = dict(allow_missing=[r"^memory\.", r"^merge_head\.", r"out_reg\."])
