"""Strategy A on KITTI-360: adapters in the depth head.

1 262 624 parameters in 29 layers; 20 epochs of 2000 steps, a step is a sample of 8
frames. The reference project's README says 100 epochs, its config 20; the warm-up of
5 % is that of its base.

python tools/train.py configs/vggt_lora/lora_kitti360_strategy_a.py
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/kitti360_views.py",
    "../_base_/models/vggt_1b.py",
    "../_base_/schedules/vggt_lora.py",
]

model, optim_wrapper, param_scheduler, train_cfg, default_hooks, log_processor = (
    _base_.strategies.kitti360_a.values()
)
