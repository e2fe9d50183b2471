"""The base of `make demo-poses`: what knows depth in the suburb learns poses there too.

The rig turns to both sides while it drives. From the base of `make demo-depth`, all
weights, on exact depth; cameras count for more than depth. Fewer windows a step (4)
teach no rotation.

    python tools/train.py configs/vggt_lora/finetune_kitti360_poses_demo.py
    python tools/test.py configs/vggt_lora/finetune_kitti360_poses_demo.py CHECKPOINT
"""

_base_ = [
    "finetune_kitti360.py",
    "../_base_/datasets/demo_streets.py",
    "../_base_/models/vggt_narrow.py",
]

narrow = _base_.narrow
narrow["base_weights"] = "work_dirs/demo-depth/base"
model = dict(
    **narrow,
    freeze=[],
    criterion=dict(
        curriculum=None,
        camera=dict(weight=20.0, weight_trans=3.0),
        depth=dict(weight=1.0),
    ),
)
train_dataloader, val_dataloader, test = _base_.poses.suburb.values()
train_dataloader["batch_sampler"] = None
train_dataloader["dataset"].update(mix=None, class_weights=None, augmentation=None)
test_dataloader = dict(num_workers=0, dataset=dict(_delete_=True, **test))
iters = 450
optim_wrapper = dict(
    optimizer=dict(lr=1.5e-3), paramwise_cfg=dict(lr_mult=dict(_delete_=True))
)
param_scheduler = [
    dict(**_base_.rise, end=30),
    dict(**_base_.fall, begin=30, end=iters, T_max=iters - 30),
]
train_cfg = dict(max_iters=iters, val_interval=150)
default_hooks = dict(checkpoint=dict(interval=150))
test_evaluator = dict(_delete_=True, type="DepthComparison", answers=dict(base="pred"))
