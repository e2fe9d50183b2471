"""Strategy B on KITTI-360, for its variants to take from: `_base_.strategy_b`.

Adapters in the depth head and the last third of the blocks; an epoch is 500 steps of 8
samples, the 64 images of the reference project. It cut them into 5 parts (6 in its
first stage), which lost 3 (2) of the samples; here a part is a sample and none is lost.
"""

strategy_b = dict(
    epoch=500 * 8,
    model=dict(
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
    ),
    wrapper=dict(
        optimizer=dict(type="AdamW", lr=1e-5, weight_decay=0.01),
        clip_modules={"aggregator.*": 0.3, "depth_head.*": 0.5},
        accumulative_counts=8,
    ),
)
