"""DELTAS on SUN3D's mit_w85k1/whole_apartment: a test, nothing is trained.

Batches of 16, three frames 20 apart, as in the published comparisons. For weights of
the released implementation add `model.legacy=True` and, to compare with published rows,
`test_evaluator.aggregation=legacy`.

python tools/test.py configs/deltas/deltas_sun3d_test.py CHECKPOINT --cfg-options \
    test_dataloader.dataset.sequences="['mit_w85k1/whole_apartment']"
"""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/sun3d_frames.py",
    "../_base_/models/deltas.py",
]

model = dict(criterion=None)
test_evaluator = dict(type="TriangulatedDepthMetric", min_depth=0.5, max_depth=10.0)
train_dataloader = None
val_dataloader = None
val_evaluator = None
test_cfg = dict()
custom_hooks = [dict(type="DepthReportHook", median_map=False)]
