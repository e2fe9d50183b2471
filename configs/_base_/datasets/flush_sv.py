"""Flush rooms, which texture tells apart and geometry does not, with image features.

The features are those of tools/train_small_features.py; a model of points alone reads
small_rgbd_sv.py instead.
"""

_base_ = "./esam_sv.py"

swap = dict(type="SwapChairAndFloor")
annotate = dict(type="AddSuperPointAnnotations", num_classes=200, stuff_classes=[0, 1])
features = dict(
    type="LoadClipFeature",
    source=dict(model="small_image_net", channels=64, patch=8),
    form="safetensors",
)
train_pipeline = [
    *_base_.load,
    features,
    swap,
    _base_.class_mapping,
    *_base_.augment,
    _base_.normalize,
    annotate,
    dict(type="Pack3DDetInputs_", keys=[*_base_.packed_for_training, "clip_pix"]),
]
test_pipeline = [
    *_base_.load,
    features,
    swap,
    _base_.class_mapping,
    _base_.normalize,
    annotate,
    dict(type="Pack3DDetInputs_", keys=["points", "sp_pts_mask", "clip_pix"]),
]

dataset = dict(type="ScanNet200SegDataset_", data_root="data/flush/")
train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_train_clip.json",
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_val_clip.json",
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
