"""SUN3D for DELTAS, for testing: three frames of 240 x 320, 20 apart.

python tools/create_data.py sun3d --root-path data/sun3d --out-dir data/sun3d-frames
"""

test_dataloader = dict(
    batch_size=16,
    num_workers=4,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="collate_sequences"),
    dataset=dict(
        type="SequenceDataset",
        data_root="data/sun3d-frames",
        split="test",
        seq_length=3,
        seq_gap=20,
    ),
)
