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
]

model, optim_wrapper, param_scheduler, train_cfg, default_hooks, log_processor = (
    _base_.strategies.kitti360_b_15epoch.values()
)
