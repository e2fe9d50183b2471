"""What every set of sequences shares: steps, augmentation and loaders.

As `esam_sv.py` for single frames. A sample is 8 frames of a scene that follow each
other; what is tested is whole scenes.
"""

_base_ = "./esam_sv.py"

load_adjacent = dict(type="LoadAdjacentDataFromFile", steps=_base_.load, num_frames=8)
load_all = dict(load_adjacent, num_frames=None)
class_mapping = dict(type="PointSegClassMappingWithRec")
swap = dict(type="SwapChairAndFloorWithRec")
annotate = dict(
    type="AddSuperPointAnnotations_Online", num_classes=200, stuff_classes=[0, 1]
)
train_200 = [swap, class_mapping, *_base_.augment, _base_.normalize, annotate]
test_200 = [swap, class_mapping, _base_.normalize, annotate]
boxes = dict(type="BboxCalculation")
packed = [*_base_.packed_for_training, "gt_bboxes_3d"]
pack = dict(type="Pack3DDetInputs_Online", keys=packed)
pack_distorted = dict(pack, keys=[*packed, "elastic_coords"])
pack_for_test = dict(type="Pack3DDetInputs_Online", keys=["points", "sp_pts_mask"])

dataset = dict(type="ScanNet200SegMVDataset_")
train_dataloader = dict(
    batch_size=4,
    dataset=dict(**dataset, data_prefix=dict(_delete_=True)),
)
val_dataloader = dict(
    dataset=dict(**dataset, data_prefix=dict(_delete_=True)),
)
test_dataloader = val_dataloader
