"""ScanNet for DELTAS: three frames of 240 x 320, 20 apart, as published.

python tools/create_data.py scannet --root-path data/scannet \
    --out-dir data/scannet-frames --workers 8 --max-skipped 0.1

Scenes of the official test set are in `test` only; data/README.md says more.
"""

frames = dict(
    type="PosedViews",
    preset="scannet",
    data_root="data/scannet-frames",
    frames=3,
    gap=20,
    size=(240, 320),
    crop="centre",
    resampling="surface",
    max_depth=None,
)
collate = dict(collate_fn=dict(type="collate_views"))
train_dataloader = dict(
    **collate,
    batch_size=6,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(**frames, split="train", augmentation=dict(shift=True, mirror=0.5)),
)
fixed = dict(
    **collate,
    batch_size=4,
    num_workers=4,
    sampler=dict(type="DefaultSampler", shuffle=False),
)
val_dataloader = dict(
    **fixed,
    persistent_workers=True,
    dataset=dict(**frames, split="val", anchor_step=100),
)
test_dataloader = dict(**fixed, dataset=dict(**frames, split="test", anchor_step=20))
