"""Class-agnostic instance AP, beside the trivial answers; pictures of test frames."""

_base_ = "../default_runtime.py"

val_evaluator = dict(type="UnifiedSegMetric", class_agnostic=True)
test_evaluator = dict(
    type="UnifiedSegMetric", class_agnostic=True, trivial_baselines=True
)
default_hooks = dict(
    checkpoint=dict(
        interval=1, max_keep_ckpts=1, save_best=["all_ap_50%"], rule="greater"
    )
)
custom_hooks = [dict(type="InstanceVisualizationHook", num_frames=4)]
