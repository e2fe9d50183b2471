"""Flush rooms, points alone: the baseline of the comparison.

See docs/fusion_comparison.md for the rooms, the features and the result.
"""

_base_ = [
    "../_base_/datasets/small_rgbd_sv.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv_narrow.py",
    "../_base_/schedules/esam_minutes.py",
]

data_root = "data/flush/"
train_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = None
val_evaluator = None
default_hooks = dict(checkpoint=dict(save_best=None))
