"""Strategy A on KITTI-360: adapters in the depth head.

1 262 624 parameters in 29 layers; 20 epochs of 2000 steps, a step is a sample of 8
frames.

python tools/train.py configs/vggt_lora/lora_kitti360_strategy_a.py
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/kitti360_views.py",
    "../_base_/models/vggt_1b.py",
    "../_base_/schedules/vggt_lora.py",
]

model = dict(
    lora=dict(
        rank=16,
        alpha=32,
        dropout=0.1,
        target_modules=[
            "depth_head.projects.*",
            "depth_head.scratch.*",
        ],
    ),
    criterion=dict(curriculum=dict(boost=1.5, hold=0.4)),
)
samples_per_step = 1
epoch = 2000 * samples_per_step
iters = 20 * epoch
warm_up = iters * 5 // 100
optim_wrapper = dict(
    optimizer=dict(type="AdamW", lr=1e-4, weight_decay=0.01),
    clip_modules={"depth_head.*": 1.0},
    accumulative_counts=samples_per_step,
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=warm_up),
    dict(
        type="CosineAnnealingLR",
        by_epoch=False,
        begin=warm_up,
        end=iters,
        T_max=iters - warm_up,
        eta_min_ratio=0.01,
    ),
]
train_cfg = dict(
    type="IterBasedTrainLoop", max_iters=iters, val_begin=0, val_interval=epoch
)
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=epoch, save_best="AbsRel", rule="less")
)
log_processor = dict(by_epoch=False)
