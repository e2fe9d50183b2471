"""ScanNet200 single view with features of DINOv2 or CLIP (`_base_.stored`).

python tools/extract_dino_v2_features.py --help
python tools/create_data.py scannet200_sv ... --pack-clip
"""

_base_ = "./esam_sv.py"

pack = dict(
    type="Pack3DDetInputs_",
    keys=[*_base_.packed_for_training, "elastic_coords", "clip_pix"],
)
pack_images_for_test = dict(
    type="Pack3DDetInputs_", keys=["points", "sp_pts_mask", "clip_pix"]
)
before, end_of_train = _base_.load, [*_base_.train_200, _base_.elastic, pack]
end_of_test = [*_base_.test_200, pack_images_for_test]
dataset = dict(type="ScanNet200SegDataset_", data_root="data/scannet200-sv/")


def features(suffix, **source):
    """Model's part and loaders for the features of one network."""
    load = dict(type="LoadClipFeature", source=source)
    infos = "scannet200_sv_oneformer3d_infos_{}_{}.json"
    train = dict(
        **dataset,
        ann_file=infos.format("train", suffix),
        pipeline=[*before, load, *end_of_train],
    )
    val = dict(
        **dataset,
        ann_file=infos.format("val", suffix),
        pipeline=[*before, load, *end_of_test],
    )
    return dict(
        image_features=dict(
            type="StoredFeatures",
            feat_space=source["model"],
            channels=source["channels"],
        ),
        train_dataloader=dict(dataset=train),
        val_dataloader=dict(dataset=val),
    )


stored = dict(
    dino=features("clip", model="dinov2_vitl14", channels=1024, patch=14),
    clip=features("clip_rn50", model="clip_rn50", channels=512, patch=8),
)
_, train_dataloader, val_dataloader = stored["dino"].values()
test_dataloader = val_dataloader
