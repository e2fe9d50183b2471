"""Single views with features of DINOv2, CLIP, EfficientNet or the small image network.

`_base_.stored` has the model's part and the loaders of each: `dino` (the default) and
`clip` for ScanNet200, `small`, `small_clip` and `small_efflite` for synthetic rooms and
`efflite` for RGB-D folders on two cores, with batches of 2 and no elastic distortion.

python tools/extract_dino_v2_features.py --help
python tools/create_data.py scannet200_sv ... --pack-clip
python tools/make_synthetic.py scannet --theme flush --out data/flush ...
python tools/train_small_features.py --help
python tools/create_data.py scannet200_sv ... --pack-clip --feature-form safetensors
"""

_base_ = "./esam.py"

pack_for_training = dict(
    type="Pack3DDetInputs_", keys=[*_base_.packed_for_training, "clip_pix"]
)
pack_distorted = dict(
    pack_for_training,
    keys=[*_base_.packed_for_training, "elastic_coords", "clip_pix"],
)
pack_images = dict(type="Pack3DDetInputs_", keys=["points", "sp_pts_mask", "clip_pix"])
before, train_200, test_200 = _base_.load, _base_.train_200, _base_.test_200
large = dict(
    root="data/scannet200-sv/",
    infos="scannet200_sv",
    end_of_train=[_base_.elastic, pack_distorted],
    form=dict(),
    train=dict(),
    val=dict(),
)
few = dict(
    root="data/flush/",
    infos="scannet200_sv",
    end_of_train=[pack_for_training],
    form=dict(form="safetensors"),
    train=dict(batch_size=2, num_workers=1),
    val=dict(num_workers=0, persistent_workers=False),
)
folder = dict(few, root="data/real/", infos="rgbd_folder")


def features(kind, suffix, **source):
    """Model's part and loaders for the features of one network."""
    load = dict(type="LoadClipFeature", source=source, **kind["form"])
    infos = f"{kind['infos']}_oneformer3d_infos_{{}}_{suffix}.json"
    dataset = dict(type="ScanNet200SegDataset_", data_root=kind["root"])
    train = dict(
        **dataset,
        ann_file=infos.format("train"),
        pipeline=[*before, load, *train_200, *kind["end_of_train"]],
    )
    val = dict(
        **dataset,
        ann_file=infos.format("val"),
        pipeline=[*before, load, *test_200, pack_images],
    )
    return dict(
        image_features=dict(
            type="StoredFeatures",
            feat_space=source["model"],
            channels=source["channels"],
        ),
        train_dataloader=dict(**kind["train"], dataset=train),
        val_dataloader=dict(**kind["val"], dataset=val),
    )


dino_net = dict(suffix="clip", model="dinov2_vitl14", channels=1024, patch=14)
clip_net = dict(suffix="clip_rn50", model="clip_rn50", channels=512, patch=8)
small_net = dict(suffix="clip", model="small_image_net", channels=64, patch=8)
efflite_net = dict(
    suffix="clip", model="efficientnet_lite2", channels=192, patch=4, layers=(1, 2, 3)
)
stored = dict(
    dino=features(large, **dino_net),
    clip=features(large, **clip_net),
    small=features(few, **small_net),
    small_clip=features(few, **clip_net),
    efflite=features(folder, **efflite_net),
    small_efflite=features(few, **dict(efflite_net, suffix="clip_efflite")),
)
_, train_dataloader, val_dataloader = stored["dino"].values()
test_dataloader = val_dataloader
