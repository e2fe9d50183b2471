"""VGGT-1B with the heads that fine-tuning for depth needs (1 157 941 492 parameters).

Both losses are those of the building recipe; a leaf names the adapted layers.
"""

model = dict(
    type="VGGTEstimator",
    base_weights="hub",
    enable_point=False,
    enable_track=False,
    checkpointing=True,
    precision="bfloat16",
    criterion=dict(
        type="MultiTaskLoss",
        camera=dict(weight=2.0, loss_type="l1"),
        depth=dict(weight=5.0, gradient_loss_fn="grad", valid_range=0.99),
    ),
)
