"""`small_rgbd_sv.py` with features of the small image network; another network is a
leaf with another `source`.

python tools/make_synthetic.py scannet --theme flush --out data/flush ...
python tools/train_small_features.py --help
python tools/create_data.py scannet200_sv ... --pack-clip --feature-form safetensors
"""

_base_ = "./esam_sv.py"

source = dict(model="small_image_net", channels=64, patch=8)
load_features = dict(type="LoadClipFeature", source=source, form="safetensors")
image_features = dict(
    type="StoredFeatures", feat_space=source["model"], channels=source["channels"]
)
swap = dict(type="SwapChairAndFloor")
annotate = dict(type="AddSuperPointAnnotations", num_classes=200, stuff_classes=[0, 1])
train_steps = [
    swap,
    _base_.class_mapping,
    *_base_.augment,
    _base_.normalize,
    annotate,
    dict(type="Pack3DDetInputs_", keys=[*_base_.packed_for_training, "clip_pix"]),
]
test_steps = [swap, _base_.class_mapping, _base_.normalize, annotate]
pack_images_for_test = dict(
    type="Pack3DDetInputs_", keys=["points", "sp_pts_mask", "clip_pix"]
)

dataset = dict(type="ScanNet200SegDataset_", data_root="data/flush/")
train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_train_clip.json",
        pipeline=[*_base_.load, load_features, *train_steps],
    ),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_val_clip.json",
        pipeline=[*_base_.load, load_features, *test_steps, pack_images_for_test],
    ),
)
test_dataloader = val_dataloader
