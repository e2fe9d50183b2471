"""A narrow ESAM on 5 cm voxels, which trains in minutes on two cores.

Masks are sets of superpoints in every head: masks of points need a longer training.
"""

_base_ = "./esam_sv.py"

width = 48
model = dict(
    voxel_size=0.05,
    query_thr=1.0,
    backbone=dict(
        out_channels=width,
        config=dict(conv1_kernel_size=3, bn_momentum=0.1),
        init_dim=24,
        planes=[24, 32, 48, 64, 64, 48, width, width],
        layers=[1, 1, 1, 1, 1, 1, 1, 1],
    ),
    pool=dict(channel_proj=width),
    decoder=dict(
        in_channels=width,
        d_model=96,
        num_heads=4,
        hidden_dim=192,
        mask_pred_mode=["SP", "SP", "SP", "SP"],
    ),
)
