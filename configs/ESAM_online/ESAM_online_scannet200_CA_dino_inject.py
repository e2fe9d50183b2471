"""DINOv2 features of every frame in the decoder of the U-Net, online, ScanNet200.

Stage 2 of ESAM_sv_scannet200_CA_dino_inject.py; compare with the online model without
features, trained for as long.

python tools/create_data.py scannet200_mv ... --pack-clip
python tools/train.py configs/ESAM_online/ESAM_online_scannet200_CA_dino_inject.py
python tools/test.py configs/ESAM_online/ESAM_online_scannet200_CA_dino_inject.py CKPT
"""

_base_ = [
    "../_base_/datasets/scannet200_mv_features.py",
    "../_base_/evaluation/scenes.py",
    "../_base_/models/esam_online.py",
    "../_base_/schedules/esam_finetune_80e.py",
]

model = dict(
    image_features=_base_.image_features,
    backbone=dict(injection=dict(channels=_base_.image_features.channels)),
)
auto_scale_lr = dict(base_batch_size=4)
load_from = "work_dirs/ESAM_sv_scannet200_CA_dino_inject/epoch_80.pth"
load_from_policy = dict(allow_missing=[r"^memory\.", r"^merge_head\.", r"out_reg\."])
