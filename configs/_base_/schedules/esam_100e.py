"""100 epochs of a handful of frames, as long as two cores need a minute or two."""

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1.5e-3, weight_decay=0.05),
    clip_grad=dict(max_norm=10, norm_type=2),
)
param_scheduler = dict(type="PolyLR", begin=0, end=100, power=0.9)
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=100, val_interval=50)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
# What --auto-scale-lr compares with: frames of one step of all processes.
auto_scale_lr = dict(enable=False, base_batch_size=2)
