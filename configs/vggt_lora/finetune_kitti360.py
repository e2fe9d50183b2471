"""Full fine-tuning on KITTI-360, without LoRA: depth and camera head, all blocks.

853 568 756 parameters are trained, the tokeniser stays frozen. 2 to 24 frames of
varying height, 48 images in a batch. Views of each height load fast once they are
packed: `create_data.py kitti360 ... --pack 126 140 154 168 182`.

    python tools/train.py configs/vggt_lora/finetune_kitti360.py
    python tools/test.py configs/vggt_lora/finetune_kitti360.py CHECKPOINT
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/kitti360_views.py",
    "../_base_/models/vggt_1b.py",
    "../_base_/schedules/vggt_lora.py",
]

model = dict(
    freeze=["aggregator.patch_embed"],
    criterion=dict(curriculum=dict(boost=1.5, hold=0.4)),
)
train_dataloader = dict(
    batch_size=24,
    batch_sampler=dict(
        type="DynamicBatchSampler", frames=(2, 24), aspects=(0.27, 0.37), max_images=48
    ),
)
optim_wrapper = dict(
    optimizer=dict(type="AdamW", lr=5e-5, weight_decay=0.05),
    # Released VGGT divides the rate by ten when the blocks are trained too.
    paramwise_cfg=dict(
        _delete_=True, no_decay=["*_token"], lr_mult={"aggregator.*": 0.1}
    ),
    clip_modules={"aggregator.*": 1.0, "depth_head.*": 1.0, "camera_head.*": 1.0},
)
param_scheduler, train_cfg, default_hooks, log_processor = _base_.finetune.values()
