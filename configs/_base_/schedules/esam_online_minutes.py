"""Stage 2 of ESAM in minutes: 4 epochs of sequences, from single-view weights.

Made for 2 sequences of 8 frames a step: two processes with one each, as `make
demo-online` runs it. What single-view training had learnt moves a quarter as fast as
the memory, the vectors and the boxes, which begin here.
"""

_base_ = "./esam_minutes.py"

epochs = 4
optim_wrapper = dict(
    optimizer=dict(lr=2e-3),
    paramwise_cfg=dict(
        lr_mult={
            "backbone.*": 0.25,
            "pool.*": 0.25,
            "decoder.*": 0.25,
            "decoder.out_reg.*": 1,
        }
    ),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.05, by_epoch=False, begin=0, end=10),
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
train_cfg = dict(max_epochs=epochs)
auto_scale_lr = dict(base_batch_size=2)
