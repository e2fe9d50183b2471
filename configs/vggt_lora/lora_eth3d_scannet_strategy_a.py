"""Strategy A on ETH3D and ScanNet together: two datasets in one ConcatDataset.

A step is a sample of 8 frames of either; ETH3D's photographs come ten times an epoch,
for there are few of them. Validation and test are those of ETH3D.

python tools/create_data.py scannet --root-path data/scannet \
    --out-dir data/scannet-frames
python tools/train.py configs/vggt_lora/lora_eth3d_scannet_strategy_a.py
"""

_base_ = ["lora_eth3d_strategy_a.py"]

eth3d = dict(_base_.train_dataloader.dataset)
shared = ("image_size", "aspect", "frames", "augmentation", "max_draws", "split")
scannet = dict(
    **{key: eth3d[key] for key in shared},
    type="PosedViews",
    preset="scannet",
    data_root="data/scannet-frames",
)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="ConcatDataset",
        datasets=[dict(type="RepeatDataset", dataset=eth3d, times=10), scannet],
    ),
)
