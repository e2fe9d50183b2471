"""The toy run that the engine's tests train, kill and resume."""

_base_ = ["../../configs/_base_/default_runtime.py"]

custom_imports = dict(imports=["tests.engine.toy"])
model = dict(type="ToyModel")
dataset = dict(type="ToyDataset")
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    dataset=dataset,
    sampler=dict(type="DefaultSampler", shuffle=True),
)
val_dataloader = dict(
    batch_size=6,
    num_workers=0,
    dataset=dataset,
    sampler=dict(type="DefaultSampler", shuffle=False),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="ToyMetric")
test_evaluator = val_evaluator
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=4)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-2),
    clip_grad=dict(max_norm=10.0),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=5),
    dict(type="MultiStepLR", by_epoch=True, milestones=[2, 3], gamma=0.3),
]
default_hooks = dict(
    checkpoint=dict(
        type="CheckpointHook",
        interval=1,
        max_keep_ckpts=2,
        save_best="toy/score",
        rule="less",
    )
)
