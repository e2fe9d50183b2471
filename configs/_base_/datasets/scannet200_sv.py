"""ScanNet200 single view: one RGB-D frame is one sample (20 000 points)."""

_base_ = "./esam.py"

distort = [_base_.elastic, _base_.pack_distorted]
dataset = dict(type="ScanNet200SegDataset_", data_root="data/scannet200-sv/")
train_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_train.json",
        pipeline=[*_base_.load, *_base_.train_200, *distort],
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_val.json",
        pipeline=[*_base_.load, *_base_.test_200, _base_.pack_for_test],
    ),
)
test_dataloader = val_dataloader
