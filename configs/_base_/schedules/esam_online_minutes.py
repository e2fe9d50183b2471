"""Stage 2 of ESAM in minutes: 5 epochs of sequences, from single-view weights.

Made for 2 sequences of 8 frames a step: two processes with one each, as `make
demo-online` runs it.
"""

_base_ = "./esam_minutes.py"

epochs = 5
optim_wrapper = dict(optimizer=dict(lr=1.5e-3))
param_scheduler = [
    dict(_base_.param_scheduler[0], end=10),
    dict(_base_.param_scheduler[1], end=epochs, T_max=epochs),
]
train_cfg = dict(max_epochs=epochs)
auto_scale_lr = dict(base_batch_size=2)
