"""Strategy B, soft, on KITTI-360: adapters in the depth head and all blocks.

14 009 376 parameters in 222 layers; 50 epochs of 500 steps, a step is 8 samples of 8
frames. The reference project still lists blocks 0 to 15 as frozen, which the adapters
make void.

python tools/train.py configs/vggt_lora/lora_kitti360_strategy_b_soft_all_layer.py
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/kitti360_views.py",
    "../_base_/models/vggt_1b.py",
    "../_base_/schedules/vggt_lora.py",
]

model, optim_wrapper, param_scheduler, train_cfg, default_hooks, log_processor = (
    _base_.strategies.kitti360_b_soft_all_layer.values()
)
