"""Strategy C on KITTI-360: rank 32 in the depth head and all blocks.

28 018 752 parameters in 222 layers; 200 epochs of 500 steps, a step is 8 samples of 8
frames. Adapters spare the decay of 0.05, as in all strategies.

python tools/train.py configs/vggt_lora/lora_kitti360_strategy_c.py
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/kitti360_views.py",
    "../_base_/models/vggt_1b.py",
    "../_base_/schedules/vggt_lora.py",
]

model, optim_wrapper, param_scheduler, train_cfg, default_hooks, log_processor = (
    _base_.strategies.kitti360_c.values()
)
