"""ETH3D with its laser depth: 8 photographs of 336 x 518, whole scenes held out.

The cache comes from `tools/create_data.py eth3d`.
"""

views = dict(
    type="ETH3DDataset",
    data_root="data/eth3d",
    frames=8,
    image_size=518,
    aspect=0.66,
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
        sampling=dict(span=8),
        augmentation=dict(zoom=0.2),
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
        windows=20,
        dataset=dict(**views, split="val", test_mode=True, stride=4),
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="collate_views"),
    dataset=dict(**views, split="val", test_mode=True, stride=4),
)
val_evaluator = dict(type="DepthMetric", alignment="median")
test_evaluator = [val_evaluator, dict(type="WindowResults", building=[])]
