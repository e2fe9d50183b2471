"""Fine-tuning of a trained network of points: 80 epochs at half the rate.

Two epochs of warm-up keep the first steps of the image branch small.
"""

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=5e-5, weight_decay=0.05),
    clip_grad=dict(max_norm=10, norm_type=2),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=2),
    dict(type="PolyLR", begin=2, end=80, power=0.9),
]
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=80, val_interval=5)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
