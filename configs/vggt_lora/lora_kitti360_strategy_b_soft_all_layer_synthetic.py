"""Twin of lora_kitti360_strategy_b_soft_all_layer for two cores.

python \
tools/train.py configs/vggt_lora/lora_kitti360_strategy_b_soft_all_layer_synthetic.py
"""

_base_ = ["lora_kitti360_strategy_b_soft_all_layer.py", "../_base_/vggt_twins.py"]

model = _base_.narrow
train_dataloader, val_dataloader, test_dataloader = _base_.streets.values()
optim_wrapper, param_scheduler, train_cfg, default_hooks = _base_.minutes.values()
