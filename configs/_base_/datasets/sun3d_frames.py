"""SUN3D for DELTAS, for testing: three frames of 240 x 320, 20 apart.

python tools/create_data.py sun3d --root-path data/sun3d --out-dir data/sun3d-frames
"""

test_dataloader = dict(
    batch_size=16,
    num_workers=4,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="PosedViews",
        data_root="data/sun3d-frames",
        split="test",
        frames=3,
        gap=20,
        size=(240, 320),
        crop="centre",
        resampling="surface",
    ),
)
