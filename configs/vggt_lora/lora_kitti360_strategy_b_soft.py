"""Strategy B on KITTI-360 with a shorter warm-up, 10 instead of 15 %.

5 620 768 parameters in 94 layers; 50 epochs of 500 steps, a step is 8 samples of 8
frames.

python tools/train.py configs/vggt_lora/lora_kitti360_strategy_b_soft.py
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
        alpha=16,
        dropout=0.1,
        target_modules=[
            "depth_head.*",
            "aggregator.frame_blocks.1[6-9].*",
            "aggregator.frame_blocks.2[0-3].*",
            "aggregator.global_blocks.1[6-9].*",
            "aggregator.global_blocks.2[0-3].*",
        ],
    ),
    criterion=dict(curriculum=dict(boost=1.5, hold=0.4)),
)
samples_per_step = 8
epoch = 500 * samples_per_step
iters = 50 * epoch
warm_up = iters * 10 // 100
optim_wrapper = dict(
    optimizer=dict(type="AdamW", lr=1e-5, weight_decay=0.01),
    clip_modules={"aggregator.*": 0.3, "depth_head.*": 0.5},
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
