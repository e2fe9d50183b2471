"""Injected features of a network that has not seen the textures, on synthetic rooms.

An EfficientNet-Lite2 of ImageNet (docs/image_features.md), for tools/compare.py beside
ESAM_sv_synthetic_CA_dino_inject.py, whose features were supervised with the textures.
They lie beside those:

python tools/extract_efficientnet_lite2_features.py --root-path data/flush \
    --out-dir data/flush --folder clip_feat_efflite --form safetensors
python tools/create_data.py scannet200_sv --root-path data/flush --out-dir data/flush \
    --segmenter geometry --pack-clip --feature-root data/flush/clip_feat_efflite \
    --feature-form safetensors --clip-suffix _clip_efflite
python tools/train.py configs/ESAM_CA/ESAM_sv_synthetic_CA_efflite_inject.py
python tools/test.py configs/ESAM_CA/ESAM_sv_synthetic_CA_efflite_inject.py CKPT
"""

_base_ = [
    "../_base_/datasets/sv_features.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv_narrow.py",
    "../_base_/schedules/esam_minutes.py",
]

small, train_dataloader, test_dataloader = _base_.stored.small_efflite.values()
model = dict(
    image_features=small,
    backbone=dict(injection=dict(channels=small.channels)),
)
val_dataloader = val_evaluator = None
default_hooks = dict(checkpoint=dict(save_best=None))
