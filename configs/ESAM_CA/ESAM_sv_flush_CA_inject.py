"""Flush rooms, injection: image features join in the decoder of the U-Net.

See docs/fusion_comparison.md for the rooms, the features and the result.
"""

_base_ = [
    "../_base_/datasets/flush_sv.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv_narrow.py",
    "../_base_/schedules/esam_minutes.py",
]

model = dict(
    image_features=dict(
        type="StoredFeatures", feat_space="small_image_net", channels=64
    ),
    backbone=dict(injection=dict(channels=64)),
)
val_dataloader = None
val_evaluator = None
default_hooks = dict(checkpoint=dict(save_best=None))
