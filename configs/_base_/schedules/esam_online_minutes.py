"""Stage 2 of ESAM in minutes: 2 epochs of sequences, from single-view weights.

Made for 2 sequences of 8 frames a step: two processes with one each, as `make
demo-online` runs it. What is pretrained learns at a tenth: at the full rate it loses
in the first steps what it needs epochs to find again.
"""

_base_ = "./esam_minutes.py"

epochs = 2
pretrained = ["backbone.*", "pool.*", "decoder.*"]
optim_wrapper = dict(
    constructor="GroupingConstructor",
    optimizer=dict(lr=1.5e-3),
    paramwise_cfg=dict(
        lr_mult={**dict.fromkeys(pretrained, 0.1), "decoder.out_reg.*": 1}
    ),
)
param_scheduler = [
    dict(_base_.param_scheduler[0], end=10),
    dict(_base_.param_scheduler[1], end=epochs, T_max=epochs),
]
train_cfg = dict(max_epochs=epochs)
auto_scale_lr = dict(base_batch_size=2)
