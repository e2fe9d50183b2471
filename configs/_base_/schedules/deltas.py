"""Adam with 1e-4 for 100 000 iterations, as published; gradients clipped.

A step whose loss or gradient is not finite is skipped, counted and reported with its
samples; the 101st ends the run.
"""

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="Adam", lr=1e-4, betas=(0.9, 0.999)),
    clip_grad=dict(max_norm=10.0),
    max_skipped=100,
)
train_cfg = dict(type="IterBasedTrainLoop", max_iters=100_000, val_interval=5_000)
val_cfg = dict()
test_cfg = dict()
# What --auto-scale-lr compares with: samples of one step of all processes.
auto_scale_lr = dict(enable=False, base_batch_size=6)
