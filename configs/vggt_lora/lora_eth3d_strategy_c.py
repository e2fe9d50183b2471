"""Strategy C on ETH3D: adapters in depth head, blocks and camera trunk.

15 942 688 parameters in 237 layers; 30 epochs of 100 steps, a step is a sample of 8
frames.

python tools/train.py configs/vggt_lora/lora_eth3d_strategy_c.py
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/eth3d_views.py",
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
            "aggregator.frame_blocks.*.*",
            "aggregator.global_blocks.*.*",
            "camera_head.trunk.*",
        ],
    ),
    criterion=dict(camera=dict(weight=3.0)),
)
samples_per_step = 1
epoch = 100 * samples_per_step
iters = 30 * epoch
warm_up = iters * 10 // 100
optim_wrapper = dict(
    optimizer=dict(type="AdamW", lr=3e-5, weight_decay=0.01),
    clip_modules={"aggregator.*": 0.5, "depth_head.*": 1.0, "camera_head.*": 1.0},
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
    type="IterBasedTrainLoop", max_iters=iters, val_begin=0, val_interval=2 * epoch
)
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=2 * epoch, save_best="AbsRel", rule="less")
)
log_processor = dict(by_epoch=False)
