"""The run that the tests of training train, kill and resume."""

_base_ = ["../../../configs/_base_/default_runtime.py"]

custom_imports = dict(imports=["tests.vggt_lora.models.toy"])
model = dict(
    type="VGGTEstimator",
    img_size=56,
    embed_dim=32,
    depth=4,
    num_heads=2,
    patch_embed=dict(embed_dim=32, depth=2, num_heads=2),
    camera_head=dict(trunk_depth=1, num_heads=2),
    dpt=dict(
        features=16, out_channels=[8, 16, 16, 16], intermediate_layer_idx=[0, 1, 2, 3]
    ),
    enable_point=False,
    enable_track=False,
    lora=dict(
        rank=2,
        alpha=4,
        dropout=0.1,
        target_modules=["depth_head.*", "aggregator.*_blocks.[23].*"],
    ),
    criterion=dict(type="MultiTaskLoss", camera=dict(), depth=dict()),
)
dataset = dict(
    type="ToyViews",
    data_root="",
    frames=2,
    image_size=56,
    aspect=0.5,
    augmentation=dict(),
)
train_dataloader = dict(
    batch_size=3,
    num_workers=0,
    dataset=dataset,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    batch_sampler=dict(
        type="DynamicBatchSampler", frames=(2, 4), aspects=(0.5, 0.8), max_images=6
    ),
    collate_fn=dict(type="collate_views"),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    dataset=dict(
        type="ToyViews",
        data_root="",
        image_size=56,
        aspect=0.5,
        frames=3,
        test_mode=True,
    ),
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="collate_views"),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="DepthMetric", building=[], groups=["depth", "pose"])
test_evaluator = val_evaluator
train_cfg = dict(type="IterBasedTrainLoop", max_iters=14, val_begin=0, val_interval=6)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type="OptimWrapper",
    constructor="GroupingConstructor",
    optimizer=dict(type="AdamW", lr=1e-2, weight_decay=0.1),
    paramwise_cfg=dict(no_decay=["*lora_*"], lr_mult={"depth_head.*": 0.5}),
    clip_modules={"aggregator.*": 0.3, "depth_head.*": 0.5},
    accumulative_counts=3,
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=3),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=3, end=14, eta_min=0),
]
default_hooks = dict(
    checkpoint=dict(
        type="CheckpointHook",
        interval=4,
        by_epoch=False,
        max_keep_ckpts=2,
        keep_exports=True,
        save_best="depth.full.abs_rel",
        rule="less",
    ),
    logger=dict(type="LoggerHook", interval=1),
)
log_processor = dict(by_epoch=False)
