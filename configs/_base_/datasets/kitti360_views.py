"""KITTI-360 by the building recipe: 8 frames of 168 x 518 around an anchor.

Wide views keep 825 of 1408 columns, a square one would keep 272 (spec 10.1). The cache
comes from `tools/create_data.py kitti360`.
"""

views = dict(
    type="KITTI360Dataset",
    data_root="data/kitti360",
    frames=8,
    image_size=518,
    aspect=0.33,
)
train_dataloader = dict(
    batch_size=1,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        **views,
        split="train",
        mix=dict(rich=0.30, mixed=0.10, shares=dict(rich=0.5, mixed=0.3, road=0.2)),
        # Label ids: building, wall, garage; road; vehicles; sky.
        class_weights={
            **dict.fromkeys((11, 12, 34), 2.0),
            7: 0.7,
            **dict.fromkeys((26, 27, 28, 29, 30, 31, 32, 33, 43), 0.5),
            23: 0.2,
        },
        augmentation=dict(zoom=0.0),
        min_valid=2000,
        max_draws=6,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SavedSubset",
        windows=100,
        dataset=dict(**views, split="val", test_mode=True),
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="collate_views"),
    dataset=dict(**views, split="val", test_mode=True),
)
val_evaluator = dict(type="DepthMetric", alignment="median")
test_evaluator = [val_evaluator, dict(type="WindowResults")]
