"""Class-agnostic AP of the instances of whole scenes, beside the trivial answers.

Judged on reconstructed scenes, as ESAM: the nearest point, then segments of the mesh.
"""

_base_ = "../default_runtime.py"

metric = dict(type="SceneSegMetric", class_agnostic=True, protocol="nearest_smooth")
val_evaluator = metric
test_evaluator = dict(metric, trivial_baselines=True)
default_hooks = dict(
    checkpoint=dict(
        interval=1, max_keep_ckpts=1, save_best=["all_ap_50%"], rule="greater"
    )
)
