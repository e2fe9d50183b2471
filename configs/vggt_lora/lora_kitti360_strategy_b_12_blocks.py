"""Strategy B on KITTI-360, but in the last 12 pairs of blocks, not in the last 8.

7 717 920 parameters in 126 layers; 50 epochs of 500 steps, a step is 8 samples of 8
frames.

python tools/train.py configs/vggt_lora/lora_kitti360_strategy_b_12_blocks.py
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/kitti360_views.py",
    "../_base_/models/vggt_1b.py",
    "../_base_/schedules/vggt_lora.py",
]

model, optim_wrapper, param_scheduler, train_cfg, default_hooks, log_processor = (
    _base_.strategies.kitti360_b_12_blocks.values()
)
