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

epoch = 500 * 8
iters = 200 * epoch
warm_up = iters * 20 // 100
model = dict(
    lora=dict(
        rank=32,
        alpha=64,
        dropout=0.1,
        target_modules=[
            "depth_head.*",
            "aggregator.frame_blocks.*.*",
            "aggregator.global_blocks.*.*",
        ],
    ),
    criterion=dict(depth=dict(valid_range=0.98), curriculum=dict(boost=1.5, hold=0.3)),
)
optim_wrapper = dict(
    optimizer=dict(type="AdamW", lr=2e-5, weight_decay=0.05),
    clip_modules={"aggregator.*": 0.3, "depth_head.*": 0.5},
    accumulative_counts=8,
)
param_scheduler = [
    dict(**_base_.rise, end=warm_up),
    dict(**_base_.fall, begin=warm_up, end=iters, T_max=iters - warm_up),
]
train_cfg = dict(**_base_.loop, max_iters=iters, val_interval=5 * epoch)
default_hooks = dict(checkpoint=dict(**_base_.checkpoint, interval=5 * epoch))
log_processor = dict(by_epoch=False)
