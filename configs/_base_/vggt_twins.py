"""Small data, a narrow network and minutes of schedule, for the twins to take from.

`_base_.rooms` are synthetic rooms for the twins of ETH3D configs:

    python tools/make_synthetic.py eth3d --out data/rooms/raw --train-rooms 20 \
        --val-rooms 4 --frame-step 200
    python tools/create_data.py eth3d --root-path data/rooms/raw --out-dir data/rooms \
        --val-scenes 'scene002*'

`_base_.streets` are synthetic streets for those of KITTI-360:

    python tools/make_synthetic.py kitti360 --out data/street/raw
    python tools/create_data.py kitti360 --root-path data/street/raw \
        --out-dir data/street --view 56 168
"""

_base_ = "./models/vggt_narrow.py"


def loaders(train, held_out):
    """Loaders of one process; three frames of a window of four are a sample."""
    quick = dict(num_workers=0, persistent_workers=False)
    return dict(
        train=dict(**quick, dataset=dict(**train, sampling=dict(span=4))),
        val=dict(**quick, dataset=dict(windows=12, dataset=held_out)),
        test=dict(num_workers=0, dataset=held_out),
    )


room = dict(data_root="data/rooms", frames=3, image_size=168, aspect=0.67)
rooms = loaders(room, dict(**room, stride=1))
street = dict(data_root="data/street", frames=3, image_size=168, aspect=0.34)
streets = loaders(dict(**street, min_valid=200), street)

step = dict(by_epoch=False)
down = dict(begin=20, end=200, T_max=180, eta_min_ratio=0.01)
minutes = dict(
    optim_wrapper=dict(optimizer=dict(lr=1e-3), accumulative_counts=1),
    param_scheduler=[
        dict(type="LinearLR", start_factor=0.01, begin=0, end=20, **step),
        dict(type="CosineAnnealingLR", **down, **step),
    ],
    train_cfg=dict(max_iters=200, val_interval=100),
    default_hooks=dict(checkpoint=dict(interval=100)),
)
