"""The base of `make demo-depth` learns rooms, so that images alone give instances.

All weights, on the exact depth of the rooms of `make demo-deltas`. Cameras count for
more than on streets: known poses then tell the scale (docs/predict.md).

    python tools/train.py configs/vggt_lora/finetune_rooms_demo.py
    python tools/test.py configs/vggt_lora/finetune_rooms_demo.py CHECKPOINT
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/eth3d_views.py",
    "../_base_/models/vggt_1b.py",
    "../_base_/models/vggt_narrow.py",
    "../_base_/schedules/vggt_lora.py",
]

narrow = _base_.narrow
narrow["base_weights"] = "work_dirs/demo-depth/base"
model = dict(**narrow, freeze=[], criterion=dict(camera=dict(weight=5.0)))
rooms = dict(
    preset=None,
    data_root="data/deltas-rooms",
    frames=4,
    image_size=168,
    aspect=0.75,
    depth=None,
)
quick = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(
    **quick,
    batch_size=2,
    dataset=dict(
        **rooms,
        sampling=dict(span=3, in_time=True),
        augmentation=dict(zoom=0.0, mirror=0.5, colours=None),
    ),
)
val_dataloader = dict(**quick, dataset=dict(windows=12, dataset=rooms))
test_dataloader = dict(num_workers=0, dataset=rooms)
iters = 600
optim_wrapper = dict(
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.05),
    paramwise_cfg=dict(_delete_=True, no_decay=["*_token"]),
)
param_scheduler = [
    dict(**_base_.rise, end=30),
    dict(**_base_.fall, begin=30, end=iters, T_max=iters - 30),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=iters, val_interval=300)
default_hooks = dict(checkpoint=dict(by_epoch=False, keep_exports=True, interval=150))
log_processor = dict(by_epoch=False)
