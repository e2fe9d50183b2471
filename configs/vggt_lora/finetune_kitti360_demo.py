"""The base of `make demo-depth`: a narrow VGGT learns depth in a bright suburb.

All weights are trained on the exact depth of synthetic drives.

    python tools/train.py configs/vggt_lora/finetune_kitti360_demo.py
    python tools/test.py configs/vggt_lora/finetune_kitti360_demo.py CHECKPOINT
"""

_base_ = [
    "finetune_kitti360.py",
    "../_base_/datasets/demo_streets.py",
    "../_base_/models/vggt_narrow.py",
]

model = dict(**_base_.narrow, freeze=[], criterion=dict(curriculum=None))
train_dataloader, val_dataloader, test = _base_.demo.suburb.values()
train_dataloader["batch_sampler"] = None
train_dataloader["dataset"].update(
    frames=2, mix=None, class_weights=None, augmentation=None
)
test_dataloader = dict(num_workers=0, dataset=dict(_delete_=True, **test))
iters = 1200
optim_wrapper = dict(
    optimizer=dict(lr=1e-3), paramwise_cfg=dict(lr_mult=dict(_delete_=True))
)
param_scheduler = [
    dict(**_base_.rise, end=30),
    dict(**_base_.fall, begin=30, end=iters, T_max=iters - 30),
]
train_cfg = dict(max_iters=iters, val_interval=300)
default_hooks = dict(checkpoint=dict(interval=150))
test_evaluator = dict(_delete_=True, type="DepthComparison", answers=dict(base="pred"))
