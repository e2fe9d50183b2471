"""The strategies on ETH3D, for a leaf to take from: `_base_.eth3d`.

All adapt the depth head but for `resize_layers.3`. A step is one sample: the 4, 3 or 2
images that the reference project allows leave room for one of 8 frames. Its table does
not say how many steps its epochs have; here they are 100.
"""

eth3d = dict(
    epoch=100,
    adapters=dict(rank=16, alpha=32, dropout=0.1),
    head=["depth_head.projects.*", "depth_head.scratch.*"],
    optimizer=dict(type="AdamW", weight_decay=0.01),
)
