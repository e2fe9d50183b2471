"""Synthetic rooms for DELTAS: triplets of neighbouring frames, 20 apart.

python tools/make_synthetic.py scannet --out data/deltas-rooms/raw --train-rooms 40 \
    --val-rooms 8 --frames 12 --frame-step 20 --size 320x240 --workers 2
python tools/create_data.py scannet --root-path data/deltas-rooms/raw \
    --out-dir data/deltas-rooms --workers 2
"""

frames = dict(
    type="PosedViews",
    data_root="data/deltas-rooms",
    frames=3,
    gap=20,
    size=(96, 128),
    crop="centre",
    resampling="surface",
)
loader = dict(batch_size=4, num_workers=0, collate_fn=dict(type="collate_views"))
train_dataloader = dict(
    **loader,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(**frames, split="train", augmentation=dict(shift=True, mirror=0.5)),
)
val_dataloader = dict(
    **loader,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(**frames, split="val"),
)
test_dataloader = val_dataloader
