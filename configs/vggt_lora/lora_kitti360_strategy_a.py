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

epoch = 2000
iters = 20 * epoch
warm_up = iters * 5 // 100
model = dict(
    lora=dict(
        rank=16,
        alpha=32,
        dropout=0.1,
        target_modules=["depth_head.projects.*", "depth_head.scratch.*"],
    ),
    criterion=dict(curriculum=dict(boost=1.5, hold=0.4)),
)
optim_wrapper = dict(
    optimizer=dict(type="AdamW", lr=1e-4, weight_decay=0.01),
    clip_modules={"depth_head.*": 1.0},
    accumulative_counts=1,
)
param_scheduler = [
    dict(**_base_.rise, end=warm_up),
    dict(**_base_.fall, begin=warm_up, end=iters, T_max=iters - warm_up),
]
train_cfg = dict(**_base_.loop, max_iters=iters, val_interval=epoch)
default_hooks = dict(checkpoint=dict(**_base_.checkpoint, interval=epoch))
log_processor = dict(by_epoch=False)
