"""Fine-tuning of a trained network of points: 80 epochs at half the rate.

Two epochs of warm-up keep the first steps of the image branch small.
"""

_base_ = "./esam_128e.py"

optim_wrapper = dict(optimizer=dict(lr=5e-5))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=2),
    dict(type="PolyLR", begin=2, end=80, power=0.9),
]
train_cfg = dict(max_epochs=80, val_interval=5)
