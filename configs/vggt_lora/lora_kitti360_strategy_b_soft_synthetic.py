"""Twin of lora_kitti360_strategy_b_soft for two cores.

python tools/train.py configs/vggt_lora/lora_kitti360_strategy_b_soft_synthetic.py
"""

_base_ = ["lora_kitti360_strategy_b_soft.py", "../_base_/vggt_twins.py"]

model = dict(
    **_base_.narrow,
    lora=dict(target_modules=["depth_head.*", *_base_.narrow_blocks.last_third]),
)
train_dataloader, val_dataloader, test_dataloader = _base_.streets.values()
optim_wrapper, param_scheduler, train_cfg, default_hooks = _base_.minutes.values()
