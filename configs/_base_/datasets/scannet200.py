"""ScanNet200's reconstructions to test on: one mesh is one sample."""

_base_ = "./esam.py"

train_dataloader = None
val_dataloader = None
test_dataloader = dict(
    dataset=dict(
        type="ScanNet200SegDataset_",
        data_root="data/scannet200/",
        ann_file="scannet200_oneformer3d_infos_val.json",
        pipeline=[*_base_.load, *_base_.test_200, _base_.pack_for_test],
    ),
)
