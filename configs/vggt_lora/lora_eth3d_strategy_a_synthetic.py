"""Twin of lora_eth3d_strategy_a for two cores.

python tools/train.py configs/vggt_lora/lora_eth3d_strategy_a_synthetic.py
"""

_base_ = ["lora_eth3d_strategy_a.py", "../_base_/vggt_twins.py"]

model = _base_.narrow
train_dataloader, val_dataloader, test_dataloader = _base_.rooms.values()
optim_wrapper, param_scheduler, train_cfg, default_hooks = _base_.minutes.values()
