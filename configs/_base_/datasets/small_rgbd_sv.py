"""Small RGB-D sets with ScanNet200's ids, for two cores.

Batches of 2 and no elastic distortion: what counts in minutes is the number of steps.
"""

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
    dict(type="Pack3DDetInputs_", keys=_base_.packed_for_training),
]
test_pipeline = [
    *_base_.load,
    swap,
    _base_.class_mapping,
    _base_.normalize,
    annotate,
    _base_.pack_for_test,
]

dataset = dict(type="ScanNet200SegDataset_", data_root="data/synthetic/")
train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_train.json",
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_val.json",
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
