"""A soft finish of strategy B on KITTI-360: a fifth of its rate, half of its alpha.

5 620 768 parameters in 94 layers; 5 epochs of 500 steps, a step is 8 samples of 8
frames, from the best checkpoint of strategy B. What that has learned stays as it is,
for it is rescaled to the new alpha.

python tools/train.py configs/vggt_lora/lora_kitti360_strategy_b_finish.py \
    --cfg-options load_from=work_dirs/lora_kitti360_strategy_b/CHECKPOINT
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/kitti360_views.py",
    "../_base_/models/vggt_1b.py",
    "../_base_/schedules/vggt_lora.py",
]

model, optim_wrapper, param_scheduler, train_cfg, default_hooks, log_processor = (
    _base_.strategies.kitti360_b_finish.values()
)
