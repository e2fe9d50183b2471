"""Synthetic rooms for the twins of ETH3D configs: `_base_.rooms`.

python tools/make_synthetic.py eth3d --out data/rooms/raw --train-rooms 20 \
    --val-rooms 4 --frame-step 200
python tools/create_data.py eth3d --root-path data/rooms/raw --out-dir data/rooms \
    --val-scenes 'scene002*'
"""

small = dict(data_root="data/rooms", frames=3, image_size=168, aspect=0.67)
quick = dict(num_workers=0, persistent_workers=False)
sample = dict(**small, sampling=dict(span=4))
rooms = dict(
    train=dict(**quick, dataset=sample),
    val=dict(**quick, dataset=dict(windows=12, dataset=dict(**small, stride=1))),
    test=dict(num_workers=0, dataset=dict(**small, stride=1)),
)
