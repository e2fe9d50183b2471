"""Strategy A on ETH3D: adapters in the depth head.

1 262 624 parameters in 29 layers; 100 epochs of 100 steps, a step is a sample of 8
frames.

python tools/train.py configs/vggt_lora/lora_eth3d_strategy_a.py
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/eth3d_views.py",
    "../_base_/models/vggt_1b.py",
    "../_base_/schedules/vggt_lora.py",
]

model, optim_wrapper, param_scheduler, train_cfg, default_hooks, log_processor = (
    _base_.strategies.eth3d_a.values()
)
