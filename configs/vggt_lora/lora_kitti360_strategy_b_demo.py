"""`make demo-depth`: strategy B brings the base of the suburb to a brick quarter.

Other textures, another light, a higher camera; learned from LiDAR depth. Strategy B
with a larger rate, as 300 steps are all there is. The test says what is known without
looking, before and after, on drives that were never trained on.

    python tools/train.py configs/vggt_lora/lora_kitti360_strategy_b_demo.py
    python tools/test.py configs/vggt_lora/lora_kitti360_strategy_b_demo.py CHECKPOINT
"""

_base_ = [
    "lora_kitti360_strategy_b.py",
    "../_base_/datasets/demo_streets.py",
    "../_base_/models/vggt_narrow.py",
]

narrow = _base_.narrow
narrow["base_weights"] = "work_dirs/demo-depth/base"
model = dict(
    **narrow,
    predict_base=True,
    lora=dict(target_modules=["depth_head.*", *_base_.narrow_blocks.last_third]),
)
train_dataloader, val_dataloader, test = _base_.demo.brick.values()
test_dataloader = dict(num_workers=0, dataset=dict(_delete_=True, **test))
iters = 300
optim_wrapper = dict(optimizer=dict(lr=2e-3), accumulative_counts=1)
param_scheduler = [
    dict(**_base_.rise, end=30),
    dict(**_base_.fall, begin=30, end=iters, T_max=iters - 30),
]
train_cfg = dict(max_iters=iters, val_interval=150)
default_hooks = dict(
    checkpoint=dict(interval=50),
    picture=dict(
        type="DepthPictureHook",
        answers=dict(before="base_depth", after="pred_depth"),
        truth="exact_depths",
    ),
    base=dict(type="BaseUntouchedHook"),
)
test_evaluator = dict(
    _delete_=True, type="DepthComparison", answers=dict(before="base", after="pred")
)
