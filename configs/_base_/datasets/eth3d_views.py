"""ETH3D with its laser depth: 8 photographs of 336 x 518, whole scenes held out.

python tools/create_data.py eth3d --root-path data/eth3d --out-dir data/eth3d-vggt \
    --workers 8

Not as the reference project: laser depth instead of splatted points, the
proportions of the photographs instead of 518 x 518, all 13 scenes, and validation on
scenes that training never sees. Windows of 8 at every 4th frame are its own.
"""

views = dict(
    type="PosedViews",
    preset="eth3d",
    data_root="data/eth3d-vggt",
    frames=8,
    image_size=518,
    aspect=0.66,
)
held_out = dict(**views, split="val", test_mode=True, stride=4)
loader = dict(batch_size=1, collate_fn=dict(type="collate_views"))
fixed = dict(
    **loader, num_workers=4, sampler=dict(type="DefaultSampler", shuffle=False)
)
train_dataloader = dict(
    **loader,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        **views,
        split="train",
        sampling=dict(span=8),
        augmentation=dict(zoom=0.2),
        max_draws=6,
    ),
)
val_dataloader = dict(
    **fixed,
    persistent_workers=True,
    dataset=dict(type="SavedSubset", windows=20, dataset=held_out),
)
test_dataloader = dict(**fixed, dataset=held_out)
val_evaluator = dict(type="DepthMetric", groups=["depth", "pose"], building=[])
test_evaluator = dict(type="DepthMetric", building=[], tables=True)
