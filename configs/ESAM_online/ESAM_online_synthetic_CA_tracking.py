"""Association as AutoSeg3D describes it, on the twin: stage 3, after its online model.

The detector stays as ESAM_online_synthetic_CA.py left it, bit for bit.

python tools/train.py configs/ESAM_online/ESAM_online_synthetic_CA_tracking.py
python tools/test.py configs/ESAM_online/ESAM_online_synthetic_CA_tracking.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/small_rgbd_mv.py",
    "../_base_/evaluation/scenes.py",
    "../_base_/models/esam_online_narrow_parts.py",
    "../_base_/models/esam_sv_narrow.py",
    "../_base_/schedules/esam_minutes.py",
]

model = dict(
    **_base_.online,
    association="tracking",
    track_head=dict(
        type="TrackHead", in_channels=96, out_channels=96, d_hidden=192, num_heads=4
    ),
    track_criterion=dict(type="TrackCriterion"),
    track_alone=True,
)
epochs = 5
optim_wrapper = dict(constructor="GroupingConstructor", optimizer=dict(lr=1.5e-3))
param_scheduler = [
    dict(_base_.param_scheduler[0], end=10),
    dict(_base_.param_scheduler[1], end=epochs, T_max=epochs),
]
train_cfg = dict(max_epochs=epochs)
auto_scale_lr = dict(base_batch_size=2)
val_dataloader = val_evaluator = None
test_evaluator = dict(protocol="nearest")  # there are no meshes
default_hooks = dict(checkpoint=dict(save_best=None))
load_from = "work_dirs/demo-online/training/epoch_2.pth"
load_from_policy = dict(allow_missing=[r"^track_head\."])
