"""ESAM's schedule: AdamW 1e-4, polynomial decay over 128 epochs, clipping at 10."""

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-4, weight_decay=0.05),
    clip_grad=dict(max_norm=10, norm_type=2),
)
param_scheduler = dict(type="PolyLR", begin=0, end=128, power=0.9)
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=128, val_interval=128)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
# What --auto-scale-lr compares with: frames of one step of all processes.
auto_scale_lr = dict(enable=False, base_batch_size=16)
