"""CLIP features (ResNet-50, stride 8) fused into those of points, ScanNet200.

Fine-tuned from the trained ESAM_sv_scannet200_CA.py, which says what was reported;
compare with that one, trained on for as long. The features have a folder and info
files of their own, beside those of DINOv2: extracted with `--folder clip_feat_rn50`,
packed with `--feature-root data/scannet200-sv/clip_feat_rn50 --clip-suffix _clip_rn50`.

python tools/train.py configs/ESAM_CA/ESAM_sv_scannet200_CA_clip_rn50_bifusion.py
python tools/test.py configs/ESAM_CA/ESAM_sv_scannet200_CA_clip_rn50_bifusion.py CKPT
"""

_base_ = [
    "../_base_/datasets/sv_features.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv.py",
    "../_base_/schedules/esam_finetune_80e.py",
]

image_features, train_dataloader, val_dataloader = _base_.stored.clip.values()
test_dataloader = val_dataloader
model = dict(
    image_features=image_features,
    fusion=dict(type="BiFusionEncoder", channels=image_features["channels"]),
)
load_from = "work_dirs/ESAM_sv_scannet200_CA/epoch_128.pth"
load_from_policy = dict(allow_missing=[r"^fusion\."])
