"""Strategy B on KITTI-360, first of two stages: alpha 32, rate 2e-5.

5 620 768 parameters in 94 layers; 15 epochs of 500 steps, a step is 8 samples of 8
frames. The reference project's config says 50 epochs, of which 20 were run.
The second stage is lora_kitti360_strategy_b with load_from.

python tools/train.py configs/vggt_lora/lora_kitti360_strategy_b_15epoch.py
python tools/train.py configs/vggt_lora/lora_kitti360_strategy_b.py --cfg-options \
    load_from=work_dirs/lora_kitti360_strategy_b_15epoch/iter_60000.pth
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/kitti360_views.py",
    "../_base_/models/vggt_1b.py",
    "../_base_/schedules/vggt_lora.py",
    "../_base_/schedules/vggt_strategy_b.py",
]

b = _base_.strategy_b
iters = 15 * b.epoch
warm_up = iters * 15 // 100
model = dict(b.model, lora=dict(b.model.lora, alpha=32))
optim_wrapper = dict(b.wrapper, optimizer=dict(b.wrapper.optimizer, lr=2e-5))
param_scheduler = [
    dict(**_base_.rise, end=warm_up),
    dict(**_base_.fall, begin=warm_up, end=iters, T_max=iters - warm_up),
]
train_cfg = dict(**_base_.loop, max_iters=iters, val_interval=b.epoch)
default_hooks = dict(checkpoint=dict(**_base_.checkpoint, interval=b.epoch))
log_processor = dict(by_epoch=False)
