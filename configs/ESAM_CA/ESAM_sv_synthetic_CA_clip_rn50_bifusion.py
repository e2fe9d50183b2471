"""CLIP features (ResNet-50, stride 8) fused into those of points, on synthetic rooms.

For two cores, beside ESAM_sv_synthetic_CA.py. The features have a folder and info files
of their own, and lie beside those of the small network (without CLIP's weights add
--random-weights and weights="random-seed-0" to the source in sv_features.py: the path
is the same, the features mean nothing):

python tools/extract_clip_rn50_features.py --root-path data/flush --out-dir data/flush \
    --folder clip_feat_rn50 --form safetensors
python tools/create_data.py scannet200_sv --root-path data/flush --out-dir data/flush \
    --segmenter geometry --pack-clip --feature-root data/flush/clip_feat_rn50 \
    --feature-form safetensors --clip-suffix _clip_rn50
python tools/train.py configs/ESAM_CA/ESAM_sv_synthetic_CA_clip_rn50_bifusion.py
python tools/test.py configs/ESAM_CA/ESAM_sv_synthetic_CA_clip_rn50_bifusion.py CKPT
"""

_base_ = [
    "../_base_/datasets/sv_features.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv_narrow.py",
    "../_base_/schedules/esam_minutes.py",
]

image_features, train_dataloader, test_dataloader = _base_.stored.small_clip.values()
model = dict(
    image_features=image_features,
    fusion=dict(
        type="BiFusionEncoder",
        channels=image_features["channels"],
        point_channels=_base_.width,
        width=96,
    ),
)
val_dataloader = val_evaluator = None
default_hooks = dict(checkpoint=dict(save_best=None))
