"""What every set of ESAM shares: steps, augmentation and loaders.

A set puts the steps together, see `scannet_sv.py` for single frames and `scannet_mv.py`
for sequences; `train_200` and `test_200` are those between loading and packing for the
class table of ScanNet200.
"""

load = [dict(type="LoadPointsFromFile_"), dict(type="LoadAnnotations3D_")]
class_mapping = dict(type="PointSegClassMapping")
augment = [
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
]
# Mean and deviation of ScanNet's colours (Mask3D's statistics).
normalize = dict(
    type="NormalizePointsColor_",
    color_mean=[
        255 * value
        for value in (0.47793125906962, 0.4303257521323044, 0.3749598901421883)
    ],
    color_std=[
        255 * value
        for value in (0.2834475483823543, 0.27566157565723015, 0.27018971370874995)
    ],
)
elastic = dict(
    type="ElasticTransfrom", gran=[6, 20], mag=[40, 160], voxel_size=0.02, p=0.5
)
packed_for_training = [
    "points",
    "gt_labels_3d",
    "gt_sp_masks",
    "pts_semantic_mask",
    "pts_instance_mask",
    "sp_pts_mask",
]
pack_distorted = dict(
    type="Pack3DDetInputs_", keys=[*packed_for_training, "elastic_coords"]
)
pack_for_test = dict(type="Pack3DDetInputs_", keys=["points", "sp_pts_mask"])
swap = dict(type="SwapChairAndFloor")
annotate = dict(type="AddSuperPointAnnotations", num_classes=200, stuff_classes=[0, 1])
train_200 = [swap, class_mapping, *augment, normalize, annotate]
test_200 = [swap, class_mapping, normalize, annotate]

# Sequences: 8 frames of a scene that follow each other, whole scenes in a test.
load_adjacent = dict(type="LoadAdjacentDataFromFile", steps=load, num_frames=8)
load_all = dict(load_adjacent, num_frames=None)
mapping_online = dict(type="PointSegClassMappingWithRec")
swap_online = dict(type="SwapChairAndFloorWithRec")
annotate_online = dict(annotate, type="AddSuperPointAnnotations_Online")
end_of_frames = [normalize, annotate_online]
train_200_online = [swap_online, mapping_online, *augment, *end_of_frames]
test_200_online = [swap_online, mapping_online, *end_of_frames]
boxes = dict(type="BboxCalculation")
packed_online = [*packed_for_training, "gt_bboxes_3d"]
pack_online = dict(type="Pack3DDetInputs_Online", keys=packed_online)
pack_online_distorted = dict(pack_online, keys=[*packed_online, "elastic_coords"])
pack_online_for_test = dict(pack_online, keys=pack_for_test["keys"])

dataset = dict(
    data_prefix=dict(
        pts="points",
        pts_instance_mask="instance_mask",
        pts_semantic_mask="semantic_mask",
        sp_pts_mask="super_points",
        pixels="pixels",
    ),
)
train_dataloader = dict(
    batch_size=16,
    num_workers=6,
    persistent_workers=True,
    collate_fn=dict(type="pseudo_collate"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(**dataset, test_mode=False),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    collate_fn=dict(type="pseudo_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(**dataset, test_mode=True),
)
test_dataloader = val_dataloader
