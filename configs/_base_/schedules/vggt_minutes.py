"""The schedule of the synthetic twins, for a leaf to take from: `_base_.minutes`."""

step = dict(by_epoch=False)
down = dict(begin=20, end=200, T_max=180, eta_min_ratio=0.01)
minutes = dict(
    optim_wrapper=dict(optimizer=dict(lr=1e-3), accumulative_counts=1),
    param_scheduler=[
        dict(type="LinearLR", start_factor=0.01, begin=0, end=20, **step),
        dict(type="CosineAnnealingLR", **down, **step),
    ],
    train_cfg=dict(max_iters=200, val_interval=100),
    default_hooks=dict(checkpoint=dict(interval=100)),
)
