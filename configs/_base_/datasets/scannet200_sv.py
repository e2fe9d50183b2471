"""ScanNet200 single view: one RGB-D frame is one sample (20 000 points)."""

_base_ = "./esam_sv.py"

swap = dict(type="SwapChairAndFloor")
annotate = dict(type="AddSuperPointAnnotations", num_classes=200, stuff_classes=[0, 1])
train_pipeline = [
    *_base_.load,
    swap,
    _base_.class_mapping,
    *_base_.augment,
    _base_.normalize,
    annotate,
    _base_.elastic,
    dict(type="Pack3DDetInputs_", keys=[*_base_.packed_for_training, "elastic_coords"]),
]
test_pipeline = [
    *_base_.load,
    swap,
    _base_.class_mapping,
    _base_.normalize,
    annotate,
    _base_.pack_for_test,
]

dataset = dict(type="ScanNet200SegDataset_", data_root="data/scannet200-sv/")
train_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_train.json",
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_val.json",
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
