"""Synthetic streets for the twins of KITTI-360 configs: `_base_.streets`.

    python tools/make_synthetic.py kitti360 --out data/street/raw
    python tools/create_data.py kitti360 --root-path data/street/raw \
        --out-dir data/street --view 56 168
"""

small = dict(data_root="data/street", frames=3, image_size=168, aspect=0.34)
quick = dict(num_workers=0, persistent_workers=False)
sample = dict(**small, sampling=dict(span=4), min_valid=200)
streets = dict(
    train=dict(**quick, dataset=sample),
    val=dict(**quick, dataset=dict(windows=12, dataset=small)),
    test=dict(num_workers=0, dataset=small),
)
