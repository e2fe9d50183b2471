"""Twin of lora_eth3d_strategy_b for two cores.

python tools/train.py configs/vggt_lora/lora_eth3d_strategy_b_synthetic.py
"""

_base_ = ["lora_eth3d_strategy_b.py", "../_base_/vggt_twins.py"]

model = dict(
    **_base_.narrow,
    lora=dict(
        target_modules=[
            "depth_head.projects.*",
            "depth_head.scratch.*",
            *_base_.narrow_blocks.last_half,
        ],
    ),
)
train_dataloader, val_dataloader, test_dataloader = _base_.rooms.values()
optim_wrapper, param_scheduler, train_cfg, default_hooks = _base_.minutes.values()
