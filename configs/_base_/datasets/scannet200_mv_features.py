"""ScanNet200 sequences with DINOv2's features of every frame.

python tools/create_data.py scannet200_mv ... --pack-clip
"""

_base_ = "./esam.py"

source = dict(model="dinov2_vitl14", channels=1024, patch=14)
image_features = dict(
    type="StoredFeatures", feat_space=source["model"], channels=source["channels"]
)
load = [*_base_.load, dict(type="LoadClipFeature", source=source)]
load_adjacent = dict(_base_.load_adjacent, steps=load)
pack = _base_.pack_online_distorted
pack_images = dict(pack, keys=[*pack["keys"], "clip_pix"])
pack_images_for_test = dict(pack, keys=["points", "sp_pts_mask", "clip_pix"])
dataset = dict(
    type="ScanNet200SegMVDataset_",
    data_root="data/scannet200-mv/",
    data_prefix=dict(_delete_=True),
)
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        **dataset,
        ann_file="scannet200_mv_oneformer3d_infos_train_clip.json",
        pipeline=[
            load_adjacent,
            *_base_.train_200_online,
            _base_.elastic,
            _base_.boxes,
            pack_images,
        ],
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="scannet200_mv_oneformer3d_infos_val_clip.json",
        pipeline=[
            dict(load_adjacent, num_frames=None),
            *_base_.test_200_online,
            pack_images_for_test,
        ],
    ),
)
test_dataloader = val_dataloader
