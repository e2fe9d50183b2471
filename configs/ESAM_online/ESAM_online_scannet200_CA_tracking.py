"""Association as AutoSeg3D describes it, ScanNet200; the detector is trained before.

After ESAM_online_scannet200_CA.py. Of the description (arXiv 2512.07599) are 36 epochs
of association alone, 100 detections of a frame where ESAM has 20, and the rule
`tracking`; sizes and losses are ours. Reported there: AP 46.2, AP50 67.9, AP25 81.7.

    python tools/train.py configs/ESAM_online/ESAM_online_scannet200_CA_tracking.py
    python tools/test.py configs/ESAM_online/ESAM_online_scannet200_CA_tracking.py CKPT
"""

_base_ = [
    "../_base_/datasets/scannet200_mv.py",
    "../_base_/evaluation/scenes.py",
    "../_base_/models/esam_online.py",
    "../_base_/schedules/esam_128e.py",
]

model = dict(
    association="tracking",
    track_head=dict(
        type="TrackHead", in_channels=256, out_channels=256, d_hidden=512, num_heads=8
    ),
    track_criterion=dict(type="TrackCriterion"),
    track_alone=True,
    test_cfg=dict(topk_insts=100),
)
optim_wrapper = dict(constructor="GroupingConstructor")
param_scheduler = dict(end=36)
train_cfg = dict(max_epochs=36, val_interval=36)
auto_scale_lr = dict(base_batch_size=4)
load_from = "work_dirs/ESAM_online_scannet200_CA/epoch_128.pth"
load_from_policy = dict(allow_missing=[r"^track_head\."])
