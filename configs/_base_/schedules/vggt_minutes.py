"""The schedule of the synthetic twins, for a leaf to take from: `_base_.minutes`."""

minutes = dict(
    param_scheduler=[
        dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=20),
        dict(
            type="CosineAnnealingLR",
            by_epoch=False,
            begin=20,
            end=200,
            T_max=180,
            eta_min_ratio=0.01,
        ),
    ],
    train_cfg=dict(max_iters=200, val_interval=100),
    checkpoint=dict(interval=100),
    wrapper=dict(optimizer=dict(lr=1e-3), accumulative_counts=1),
)
