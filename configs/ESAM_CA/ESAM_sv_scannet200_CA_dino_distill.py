"""The network of points learns to predict DINOv2 features, ScanNet200.

Fine-tuned from the trained ESAM_sv_scannet200_CA.py. Images and their features are
needed for training only. Compare with ESAM_sv_scannet200_CA.py, which says what was
reported, trained on for as long.

python tools/train.py configs/ESAM_CA/ESAM_sv_scannet200_CA_dino_distill.py
python tools/test.py configs/ESAM_CA/ESAM_sv_scannet200_CA_dino_distill.py CKPT
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
    distillation=dict(type="FeatureDistillation", channels=dino.channels),
)
# Tested as what it is afterwards: a network of points.
val_dataloader = dict(
    dataset=dict(pipeline=[*_base_.load, *_base_.test_200, _base_.pack_for_test])
)
test_dataloader = val_dataloader
load_from = "work_dirs/ESAM_sv_scannet200_CA/epoch_128.pth"
load_from_policy = dict(allow_missing=[r"^distillation\."])
