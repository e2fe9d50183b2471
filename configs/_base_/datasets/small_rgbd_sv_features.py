"""`small_rgbd_sv.py` with features of the small image network, or CLIP's.

python tools/make_synthetic.py scannet --theme flush --out data/flush ...
python tools/train_small_features.py --help
python tools/create_data.py scannet200_sv ... --pack-clip --feature-form safetensors
"""

_base_ = "./esam_sv.py"

pack = dict(type="Pack3DDetInputs_", keys=[*_base_.packed_for_training, "clip_pix"])
pack_images_for_test = dict(
    type="Pack3DDetInputs_", keys=["points", "sp_pts_mask", "clip_pix"]
)
before, end_of_train = _base_.load, [*_base_.train_200, pack]
end_of_test = [*_base_.test_200, pack_images_for_test]
dataset = dict(type="ScanNet200SegDataset_", data_root="data/flush/")


def features(suffix, **source):
    """Model's part and loaders for the features of one network."""
    load = dict(type="LoadClipFeature", source=source, form="safetensors")
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
        train_dataloader=dict(batch_size=2, num_workers=1, dataset=train),
        val_dataloader=dict(num_workers=0, persistent_workers=False, dataset=val),
    )


stored = dict(
    small=features("clip", model="small_image_net", channels=64, patch=8),
    clip=features("clip_rn50", model="clip_rn50", channels=512, patch=8),
)
_, train_dataloader, val_dataloader = stored["small"].values()
test_dataloader = val_dataloader
