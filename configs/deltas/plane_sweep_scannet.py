"""A plane sweep with the trunk, decoder and training of ``deltas_scannet``.

What DELTAS' speed is told beside: docs/deltas.md. It was not trained.

torchrun --nproc-per-node 4 tools/train.py configs/deltas/plane_sweep_scannet.py \
    --launcher pytorch
"""

_base_ = ["deltas_scannet.py"]

model = dict(
    _delete_=True,
    type="PlaneSweepDepth",
    criterion=dict(type="PlaneSweepLoss", depth=dict(weights=(2.0, 1.4, 0.98, 0.686))),
)
