"""The synthetic twin of finetune_kitti360, for two cores: the base of the other twins.

python tools/train.py configs/vggt_lora/finetune_kitti360_synthetic.py
python tools/test.py configs/vggt_lora/finetune_kitti360_synthetic.py CHECKPOINT
"""

_base_ = ["finetune_kitti360.py", "../_base_/vggt_twins.py"]

model = dict(**_base_.narrow, freeze=[])
train_dataloader = dict(
    **_base_.streets["train"],
    batch_sampler=dict(frames=(2, 4), aspects=(0.34, 0.5), max_images=8),
)
val_dataloader, test_dataloader = _base_.streets["val"], _base_.streets["test"]
optim_wrapper, param_scheduler, train_cfg, default_hooks = _base_.minutes.values()
optim_wrapper["paramwise_cfg"] = dict(lr_mult=dict(_delete_=True))
