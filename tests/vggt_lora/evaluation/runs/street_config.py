"""What the tests of the evaluation evaluate: a tiny network on a short street."""

_base_ = ["../../../../configs/_base_/default_runtime.py"]

model = dict(
    type="VGGTEstimator",
    img_size=56,
    embed_dim=16,
    depth=2,
    num_heads=2,
    patch_embed=dict(embed_dim=16, depth=1, num_heads=2),
    camera_head=dict(trunk_depth=1, num_heads=2),
    dpt=dict(
        features=8, out_channels=[8, 8, 8, 8], intermediate_layer_idx=[0, 0, 1, 1]
    ),
    enable_point=False,
    enable_track=False,
    # Another rank and alpha than the adapters': theirs must count.
    lora=dict(rank=5, alpha=50, target_modules=["depth_head.*"]),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="KITTI360Dataset",
        data_root="",
        split="val",
        frames=3,
        image_size=168,
        aspect=0.34,
        packed=True,
        test_mode=True,
    ),
)
test_evaluator = dict(
    type="DepthMetric", tables=True, groups=["depth", "pose"], min_building=20
)
test_cfg = dict()
