"""ESAM online on tours of synthetic rooms (`make demo-online`), after `make demo`.

python tools/train.py configs/ESAM_online/ESAM_online_synthetic_CA.py
python tools/test.py configs/ESAM_online/ESAM_online_synthetic_CA.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/small_rgbd_mv.py",
    "../_base_/evaluation/scenes.py",
    "../_base_/models/esam_online_narrow_parts.py",
    "../_base_/models/esam_sv_narrow.py",
    "../_base_/schedules/esam_online_minutes.py",
]

model = dict(**_base_.online)
val_dataloader = val_evaluator = None
test_evaluator = dict(protocol="nearest")  # there are no meshes
default_hooks = dict(checkpoint=dict(save_best=None))
# The statistics of one frame are not those of the data.
custom_hooks = [dict(type="FreezeNormsHook", begin=0, modules=["backbone.*"])]
load_from = "work_dirs/demo/epoch_12.pth"
load_from_policy = dict(allow_missing=[r"^memory\.", r"^merge_head\.", r"out_reg\."])
