"""DINOv2 features, computed while training, added in the decoder, ScanNet200.

Fine-tuned from the trained ESAM_sv_scannet200_CA.py. The frozen network reads the
frames' images: nothing to extract beforehand, more time per step. Expected: AP 0.53,
AP50 0.75, AP25 0.88 were reported for such a model.

python tools/train.py configs/ESAM_CA/ESAM_sv_scannet200_CA_dino_inject_online.py
python tools/test.py configs/ESAM_CA/ESAM_sv_scannet200_CA_dino_inject_online.py CKPT
"""

_base_ = [
    "../_base_/datasets/scannet200_sv.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv.py",
    "../_base_/schedules/esam_finetune_80e.py",
]


def with_image(loader, *packed):
    """A loader that also gives the frame's image."""
    steps = [dict(type="LoadFrameImage"), *loader.dataset.pipeline[:-1]]
    pack = dict(type="Pack3DDetInputs_", keys=[*packed, "img"])
    return dict(dataset=dict(pipeline=[*steps, pack]))


train_dataloader = with_image(
    _base_.train_dataloader, *_base_.packed_for_training, "elastic_coords"
)
val_dataloader = with_image(_base_.val_dataloader, "points", "sp_pts_mask")
test_dataloader = val_dataloader
# 640x480 frames at 560x420, whole patches of 14: a grid of 40x30.
backbone2d = dict(
    type="FrozenImageBackbone",
    name="dinov2_vitl14_reg",
    input_size=(560, 420),
    amp=True,
)
model = dict(
    image_features=dict(type="OnlineFeatures", backbone=backbone2d),
    backbone=dict(injection=dict(channels=1024)),
)
load_from = "work_dirs/ESAM_sv_scannet200_CA/epoch_128.pth"
load_from_policy = dict(allow_missing=[r"^backbone\.dino_proj_"])
