"""ScanNet's reconstructions to test on: one mesh is one sample."""

_base_ = "./esam.py"

train_dataloader = None
val_dataloader = None
test_dataloader = dict(
    dataset=dict(
        type="ScanNetSegDataset_",
        data_root="data/scannet20/",
        ann_file="scannet20_oneformer3d_infos_val.json",
        pipeline=[
            *_base_.load,
            *_base_.test_200[1:-1],
            dict(_base_.annotate, num_classes=20),
            _base_.pack_for_test,
        ],
    ),
)
