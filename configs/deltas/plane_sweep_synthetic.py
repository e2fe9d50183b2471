"""A plane sweep with the trunk, decoder and training of ``deltas_synthetic``.

What DELTAS' speed and accuracy are told beside: docs/deltas.md.

python tools/train.py configs/deltas/plane_sweep_synthetic.py
"""

_base_ = ["deltas_synthetic.py"]

model = dict(
    _delete_=True,
    type="PlaneSweepDepth",
    width=8,
    blocks=(1, 1, 1, 1),
    descriptor_dim=32,
    descriptor_stride=4,
    planes=32,
    criterion=dict(type="PlaneSweepLoss", depth=dict(beta=0.1)),
)
optim_wrapper = dict(paramwise_cfg=dict(_delete_=True, lr_mult={"sharpness": 100}))
custom_hooks = [
    *_base_.custom_hooks,
    dict(type="FreezeNormsHook", begin=1200, modules=["neighbours.*"]),
]
