"""KITTI-360 by the building recipe: 8 frames of 168 x 518 around an anchor.

Wide views keep 825 of 1408 columns, a square one would keep 272.

python tools/create_data.py kitti360 --root-path data/kitti360 \
    --out-dir data/kitti360-vggt --workers 8

Not as the reference project: the view; no frame twice in a sample, the
anchor always first; garage 2.0 and every vehicle 0.5, but sidewalk and fence 1.0 (0.7
and 1.5 there), as its recipe says it rather than its code; validation on 100 fixed
windows instead of 50 to 200 random ones with 5000 points.
"""

views = dict(
    type="KITTI360Dataset",
    data_root="data/kitti360-vggt",
    frames=8,
    image_size=518,
    aspect=0.33,
)
held_out = dict(**views, split="val", test_mode=True)
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
    **fixed,
    persistent_workers=True,
    dataset=dict(type="SavedSubset", windows=100, dataset=held_out),
)
test_dataloader = dict(**fixed, dataset=held_out)
val_evaluator = dict(type="DepthMetric", groups=["depth", "pose"], class_names={})
test_evaluator = dict(type="DepthMetric", tables=True)
