"""Twin of lora_kitti360_strategy_c for two cores.

python tools/train.py configs/vggt_lora/lora_kitti360_strategy_c_synthetic.py
"""

_base_ = [
    "lora_kitti360_strategy_c.py",
    "../_base_/datasets/street_views.py",
    "../_base_/models/vggt_narrow.py",
    "../_base_/schedules/vggt_minutes.py",
]

model = _base_.narrow
train_dataloader = _base_.streets["train"]
val_dataloader = _base_.streets["val"]
test_dataloader = _base_.streets["test"]
optim_wrapper = _base_.minutes["wrapper"]
param_scheduler = _base_.minutes["param_scheduler"]
train_cfg = _base_.minutes["train_cfg"]
default_hooks = dict(checkpoint=_base_.minutes["checkpoint"])
