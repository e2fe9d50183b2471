"""Small RGB-D sets with ScanNet200's ids, for two cores.

Batches of 2 and no elastic distortion: what counts in minutes is the number of steps.
"""

dataset_type = "ScanNet200SegDataset_"
data_root = "data/synthetic/"
num_classes = 200
stuff_classes = [0, 1]
data_prefix = dict(
    pts="points",
    pts_instance_mask="instance_mask",
    pts_semantic_mask="semantic_mask",
    sp_pts_mask="super_points",
    pixels="pixels",
)
# Mean and deviation of ScanNet's colours (Mask3D's statistics).
color_mean = [
    255 * 0.47793125906962,
    255 * 0.4303257521323044,
    255 * 0.3749598901421883,
]
color_std = [
    255 * 0.2834475483823543,
    255 * 0.27566157565723015,
    255 * 0.27018971370874995,
]

train_pipeline = [
    dict(type="LoadPointsFromFile_"),
    dict(type="LoadAnnotations3D_"),
    dict(type="SwapChairAndFloor"),
    dict(type="PointSegClassMapping"),
    dict(
        type="RandomFlip3D",
        sync_2d=False,
        flip_ratio_bev_horizontal=0.5,
        flip_ratio_bev_vertical=0.5,
    ),
    dict(
        type="GlobalRotScaleTrans",
        rot_range=[-3.14, 3.14],
        scale_ratio_range=[0.8, 1.2],
        translation_std=[0.1, 0.1, 0.1],
        shift_height=False,
    ),
    dict(type="NormalizePointsColor_", color_mean=color_mean, color_std=color_std),
    dict(
        type="AddSuperPointAnnotations",
        num_classes=num_classes,
        stuff_classes=stuff_classes,
    ),
    dict(
        type="Pack3DDetInputs_",
        keys=[
            "points",
            "gt_labels_3d",
            "gt_sp_masks",
            "pts_semantic_mask",
            "pts_instance_mask",
            "sp_pts_mask",
        ],
    ),
]
test_pipeline = [
    dict(type="LoadPointsFromFile_"),
    dict(type="LoadAnnotations3D_"),
    dict(type="SwapChairAndFloor"),
    dict(type="PointSegClassMapping"),
    dict(type="NormalizePointsColor_", color_mean=color_mean, color_std=color_std),
    dict(
        type="AddSuperPointAnnotations",
        num_classes=num_classes,
        stuff_classes=stuff_classes,
    ),
    dict(type="Pack3DDetInputs_", keys=["points", "sp_pts_mask"]),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    persistent_workers=False,
    collate_fn=dict(type="pseudo_collate"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file="scannet200_sv_oneformer3d_infos_train.json",
        data_prefix=data_prefix,
        pipeline=train_pipeline,
        test_mode=False,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    collate_fn=dict(type="pseudo_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file="scannet200_sv_oneformer3d_infos_val.json",
        data_prefix=data_prefix,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
