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
    "../_base_/schedules/vggt_eth3d.py",
]

eth3d = _base_.eth3d
iters = 100 * eth3d.epoch
warm_up = iters * 10 // 100
model = dict(lora=dict(**eth3d.adapters, target_modules=eth3d.head))
optim_wrapper = dict(
    optimizer=dict(**eth3d.optimizer, lr=1e-4),
    clip_modules={"depth_head.*": 1.0},
    accumulative_counts=1,
)
param_scheduler = [
    dict(**_base_.rise, end=warm_up),
    dict(**_base_.fall, begin=warm_up, end=iters, T_max=iters - warm_up),
]
train_cfg = dict(**_base_.loop, max_iters=iters, val_interval=2 * eth3d.epoch)
default_hooks = dict(checkpoint=dict(**_base_.checkpoint, interval=2 * eth3d.epoch))
log_processor = dict(by_epoch=False)
