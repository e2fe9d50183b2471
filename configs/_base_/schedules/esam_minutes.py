"""A schedule for minutes instead of days: warm-up, then a cosine to zero.

Made for 4 frames a step: two processes with batches of 2, as `make demo` runs it. There
is no validation on the way, a test follows anyway.
"""

epochs = 12
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=3e-3, weight_decay=0.05, fused=True),
    clip_grad=dict(max_norm=10, norm_type=2),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.05, by_epoch=False, begin=0, end=60),
    dict(
        type="CosineAnnealingLR",
        by_epoch=True,
        begin=0,
        end=epochs,
        T_max=epochs,
        eta_min=0,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=epochs)
test_cfg = dict(type="TestLoop")
# What --auto-scale-lr compares with: frames of one step of all processes.
auto_scale_lr = dict(enable=False, base_batch_size=4)
