"""A narrow DELTAS on synthetic rooms, for two cores: `make demo-deltas`.

python tools/train.py configs/deltas/deltas_synthetic.py
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/room_frames.py",
    "../_base_/evaluation/triangulated_depth.py",
    "../_base_/models/deltas.py",
    "../_base_/schedules/deltas.py",
]

iters = 2600
# The camera stands still now and then: such views have nothing to triangulate.
views = dict(size=(192, 256), min_baseline=0.15)
model = dict(
    width=8,
    blocks=(1, 1, 1, 1),
    descriptor_dim=32,
    descriptor_stride=4,
    out_length=96,
    dist_orthogonal=0,  # rendered poses are exact: matches lie on their line
    max_residual=1.5,
    min_matches=2,
    max_chance=1.0,
    keypoints=dict(num_kps=256, nms_radius=6, remove_borders=8),
    criterion=dict(
        depth=dict(beta=0.1),
        points=dict(beta=0.1),
        interest=dict(teacher=dict(_delete_=True, type="CornerTeacher")),
    ),
)
train_dataloader = dict(
    batch_size=1, dataset=dict(**views, augmentation=dict(colours=None))
)
val_dataloader = dict(dataset=views)
test_dataloader = dict(dataset=views)
# trinet has one number to learn, the temperature of its softmax, and far to go.
optim_wrapper = dict(
    optimizer=dict(lr=2e-3, fused=True),
    constructor="GroupingConstructor",
    paramwise_cfg=dict(lr_mult={"trinet.*": 100}),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(
        type="CosineAnnealingLR",
        by_epoch=False,
        begin=20,
        end=iters,
        T_max=iters - 20,
        eta_min_ratio=0.02,
    ),
]
train_cfg = dict(max_iters=iters, val_interval=iters)
default_hooks = dict(
    logger=dict(interval=20), checkpoint=dict(by_epoch=False, interval=200)
)
# One triplet per process: its statistics hide how far away it is. See docs/deltas.md.
custom_hooks = [
    dict(type="DepthReportHook", num_pictures=5),
    dict(type="FreezeNormsHook", begin=600, modules=["depthnet.*"]),
    dict(type="FreezeNormsHook", begin=1200, modules=["supernet.*"]),
]
log_processor = dict(by_epoch=False)
