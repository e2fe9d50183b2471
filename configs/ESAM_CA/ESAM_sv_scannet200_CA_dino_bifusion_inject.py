"""DINOv2 features both added in the decoder and fused, ScanNet200.

Fine-tuned from the trained ESAM_sv_scannet200_CA.py, which says what was reported;
compare with that one, trained on for as long.

python tools/train.py configs/ESAM_CA/ESAM_sv_scannet200_CA_dino_bifusion_inject.py
python tools/test.py configs/ESAM_CA/ESAM_sv_scannet200_CA_dino_bifusion_inject.py CKPT
"""

_base_ = [
    "../_base_/datasets/sv_features.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv.py",
    "../_base_/schedules/esam_finetune_80e.py",
]

dino = _base_.stored.dino.image_features
model = dict(
    image_features=dino,
    backbone=dict(injection=dict(channels=dino.channels)),
    fusion=dict(type="BiFusionEncoder", channels=dino.channels),
)
load_from = "work_dirs/ESAM_sv_scannet200_CA/epoch_128.pth"
load_from_policy = dict(allow_missing=[r"^backbone\.dino_proj_", r"^fusion\."])
