"""A VGGT of 1.4 M parameters with the layers of the large one: `_base_.narrow`.

Six pairs of blocks, so that the last third is two of them: `_base_.narrow_blocks`.
Weights are random unless `model.base_weights` names a file, such as the last checkpoint
of finetune_kitti360_synthetic.
"""

narrow = dict(
    base_weights=None,
    img_size=112,
    embed_dim=64,
    depth=6,
    num_heads=4,
    patch_embed=dict(embed_dim=64, depth=4, num_heads=4),
    camera_head=dict(trunk_depth=1, num_heads=4),
    dpt=dict(
        features=32, out_channels=[16, 32, 64, 64], intermediate_layer_idx=[1, 2, 4, 5]
    ),
    checkpointing=False,
    precision="float32",
)
narrow_blocks = dict(
    last_third=["aggregator.frame_blocks.[45].*", "aggregator.global_blocks.[45].*"],
    last_half=["aggregator.frame_blocks.[3-5].*", "aggregator.global_blocks.[3-5].*"],
)
