"""The network of points learns to predict image features, on synthetic rooms.

For two cores and tools/compare.py, beside ESAM_sv_synthetic_CA.py.
Images and their features are needed for training only.

python tools/train.py configs/ESAM_CA/ESAM_sv_synthetic_CA_dino_distill.py
python tools/test.py configs/ESAM_CA/ESAM_sv_synthetic_CA_dino_distill.py CKPT
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
    distillation=dict(
        type="FeatureDistillation",
        channels=small.channels,
        point_channels=_base_.width,
    ),
)
# Tested as what it is afterwards: a network of points.
plain = [*_base_.load, *_base_.test_200, _base_.pack_for_test]
test_dataloader["dataset"]["pipeline"] = plain
val_dataloader = val_evaluator = None
default_hooks = dict(checkpoint=dict(save_best=None))
