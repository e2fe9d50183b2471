"""Strategy B on KITTI-360 with a shorter warm-up, 10 instead of 15 %.

5 620 768 parameters in 94 layers; 50 epochs of 500 steps, a step is 8 samples of 8
frames.

python tools/train.py configs/vggt_lora/lora_kitti360_strategy_b_soft.py
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/kitti360_views.py",
    "../_base_/models/vggt_1b.py",
    "../_base_/schedules/vggt_lora.py",
    "../_base_/schedules/vggt_strategy_b.py",
]

b = _base_.strategy_b
iters = 50 * b.epoch
warm_up = iters * 10 // 100
model = b.model
optim_wrapper = b.wrapper
param_scheduler = [
    dict(**_base_.rise, end=warm_up),
    dict(**_base_.fall, begin=warm_up, end=iters, T_max=iters - warm_up),
]
train_cfg = dict(**_base_.loop, max_iters=iters, val_interval=b.epoch)
default_hooks = dict(checkpoint=dict(**_base_.checkpoint, interval=b.epoch))
log_processor = dict(by_epoch=False)
