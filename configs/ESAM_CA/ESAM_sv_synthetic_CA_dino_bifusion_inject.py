"""Image features both added in the decoder and fused, on synthetic rooms.

For two cores and tools/compare.py, beside ESAM_sv_synthetic_CA.py.

python tools/train.py configs/ESAM_CA/ESAM_sv_synthetic_CA_dino_bifusion_inject.py
python tools/test.py configs/ESAM_CA/ESAM_sv_synthetic_CA_dino_bifusion_inject.py CKPT
"""

_base_ = [
    "../_base_/datasets/sv_features.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv_narrow.py",
    "../_base_/schedules/esam_minutes.py",
]

small, train_dataloader, test_dataloader = _base_.stored.small.values()
model = dict(
    image_features=small,
    backbone=dict(injection=dict(channels=small.channels)),
    fusion=dict(
        type="BiFusionEncoder",
        channels=small.channels,
        point_channels=_base_.width,
        width=96,
    ),
)
val_dataloader = val_evaluator = None
default_hooks = dict(checkpoint=dict(save_best=None))
