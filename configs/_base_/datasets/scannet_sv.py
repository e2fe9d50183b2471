"""ScanNet single view: one RGB-D frame is one sample (20 000 points)."""

_base_ = "./esam.py"

annotate_20 = dict(_base_.annotate, num_classes=20)
end_of_train = [annotate_20, _base_.elastic, _base_.pack_distorted]
dataset = dict(type="ScanNetSegDataset_", data_root="data/scannet-sv/")
train_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="scannet_sv_oneformer3d_infos_train.json",
        pipeline=[*_base_.load, *_base_.train_200[1:-1], *end_of_train],
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="scannet_sv_oneformer3d_infos_val.json",
        pipeline=[
            *_base_.load,
            *_base_.test_200[1:-1],
            annotate_20,
            _base_.pack_for_test,
        ],
    ),
)
test_dataloader = val_dataloader
