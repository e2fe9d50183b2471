"""ScanNet200 single view with DINOv2 features of the images; another network is a leaf
with another `source`.

    python tools/extract_dino_v2_features.py --help
    python tools/create_data.py scannet200_sv ... --pack-clip
"""

_base_ = "./esam_sv.py"

source = dict(model="dinov2_vitl14", channels=1024, patch=14)
load_features = dict(type="LoadClipFeature", source=source)
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
    _base_.elastic,
    dict(
        type="Pack3DDetInputs_",
        keys=[*_base_.packed_for_training, "elastic_coords", "clip_pix"],
    ),
]
test_steps = [swap, _base_.class_mapping, _base_.normalize, annotate]
pack_images_for_test = dict(
    type="Pack3DDetInputs_", keys=["points", "sp_pts_mask", "clip_pix"]
)

dataset = dict(type="ScanNet200SegDataset_", data_root="data/scannet200-sv/")
train_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_train_clip.json",
        pipeline=[*_base_.load, load_features, *train_steps],
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_val_clip.json",
        pipeline=[*_base_.load, load_features, *test_steps, pack_images_for_test],
    ),
)
test_dataloader = val_dataloader
