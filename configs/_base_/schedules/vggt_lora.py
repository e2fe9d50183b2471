"""What fine-tuning of VGGT shares: AdamW in groups, iterations instead of epochs.

An iteration is one batch; the optimizer steps after `accumulative_counts` of them.
Validation also runs before the first step. A leaf states rates, clipping and length,
and takes the rest from here: `_base_.rise` and `_base_.fall` (warm-up and cosine, from
and to a hundredth of the rate), `_base_.loop`, `_base_.checkpoint`.
"""

optim_wrapper = dict(
    type="OptimWrapper",
    constructor="GroupingConstructor",
    # The reference project meant the decay of its table to spare LoRA, and did not.
    paramwise_cfg=dict(no_decay=["*lora_*"]),
)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")

rise = dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0)
fall = dict(type="CosineAnnealingLR", by_epoch=False, eta_min_ratio=0.01)
loop = dict(type="IterBasedTrainLoop", val_begin=0)
# Every adapter (22 MB in strategy B) and the newest three resumable states stay.
checkpoint = dict(by_epoch=False, keep_exports=True, save_best="AbsRel", rule="less")
