"""`make demo-poses`: strategy C brings depth and poses of a suburb to a brick quarter.

Strategy C with the camera trunk, as on ETH3D, and a larger rate for 400 steps on LiDAR
depth. The test says what is known without looking, before and after, on drives that
were never trained on.

    python tools/train.py configs/vggt_lora/lora_kitti360_strategy_c_poses_demo.py
    python tools/test.py configs/vggt_lora/lora_kitti360_strategy_c_poses_demo.py \
        CHECKPOINT
"""

_base_ = [
    "lora_kitti360_strategy_c.py",
    "../_base_/datasets/demo_streets.py",
    "../_base_/models/vggt_narrow.py",
]

narrow = _base_.narrow
narrow["base_weights"] = "work_dirs/demo-poses/base"
layers = ["depth_head.*", "aggregator.*_blocks.*", "camera_head.trunk.*"]
model = dict(
    **narrow,
    predict_base=True,
    lora=dict(target_modules=layers),
    criterion=dict(camera=dict(weight=20.0, weight_trans=3.0), depth=dict(weight=1.0)),
)
train_dataloader, val_dataloader, test = _base_.poses.brick.values()
test_dataloader = dict(num_workers=0, dataset=dict(_delete_=True, **test))
iters = 400
optim_wrapper = dict(
    optimizer=dict(lr=2e-3),
    accumulative_counts=1,
    clip_modules={"camera_head.*": 1.0},
)
param_scheduler = [
    dict(**_base_.rise, end=30),
    dict(**_base_.fall, begin=30, end=iters, T_max=iters - 30),
]
train_cfg = dict(max_iters=iters, val_interval=200)
default_hooks = dict(checkpoint=dict(interval=100), base=dict(type="BaseUntouchedHook"))
test_evaluator = dict(
    _delete_=True, type="DepthComparison", answers=dict(before="base", after="pred")
)
