"""DELTAS on ScanNet and SUN3D together: two datasets in one ConcatDataset.

Validation and test are those of ScanNet.

python tools/create_data.py sun3d --root-path data/sun3d --out-dir data/sun3d-frames \
    --train-scenes '*'
python tools/train.py configs/deltas/deltas_scannet_sun3d.py
"""

_base_ = ["deltas_scannet.py"]

scannet = dict(_base_.train_dataloader.dataset)
sun3d = dict(scannet, preset="sun3d", data_root="data/sun3d-frames")
train_dataloader = dict(
    dataset=dict(_delete_=True, type="ConcatDataset", datasets=[scannet, sun3d])
)
