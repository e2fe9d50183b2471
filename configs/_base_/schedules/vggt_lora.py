"""What fine-tuning of VGGT shares: AdamW in groups, iterations instead of epochs.

Leaves state rates, warm-up, clipping and length. An iteration is one batch; the
optimizer steps after `accumulative_counts` of them. Validation also runs before the
first step.
"""

optim_wrapper = dict(
    type="OptimWrapper",
    constructor="GroupingConstructor",
    # The reference project meant the decay of its table to spare LoRA, and did not.
    paramwise_cfg=dict(no_decay=["*lora_*"]),
)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
