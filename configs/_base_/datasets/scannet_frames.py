"""ScanNet for DELTAS: three frames of 240 x 320, 20 apart (spec of the paper's run).

The index comes from `tools/create_data.py scannet_frames`; scenes of the official test
set are in `test` only.
"""

frames = dict(
    type="ScanNetSequences", data_root="data/scannet-frames", seq_length=3, seq_gap=20
)
train_dataloader = dict(
    batch_size=6,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="collate_sequences"),
    dataset=dict(**frames, split="train", augmentation=dict(mirror=0.5)),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="collate_sequences"),
    dataset=dict(**frames, split="val", anchor_step=100),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=4,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="collate_sequences"),
    dataset=dict(**frames, split="test", anchor_step=20),
)
