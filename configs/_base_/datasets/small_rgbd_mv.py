"""Small RGB-D sequences with ScanNet200's ids, for two cores.

One sequence a step and no elastic distortion, as for single frames.
"""

_base_ = "./esam.py"

middle, end = _base_.train_200_online, [_base_.boxes, _base_.pack_online]
dataset = dict(type="ScanNet200SegMVDataset_", data_root="data/synthetic-tours/")
train_dataloader = dict(
    batch_size=1,
    num_workers=1,
    dataset=dict(
        **dataset,
        data_prefix=dict(_delete_=True),
        ann_file="rgbd_mv_oneformer3d_infos_train.json",
        pipeline=[_base_.load_adjacent, *middle, *end],
    ),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        **dataset,
        data_prefix=dict(_delete_=True),
        ann_file="rgbd_mv_oneformer3d_infos_val.json",
        pipeline=[
            _base_.load_all,
            *_base_.test_200_online,
            _base_.pack_online_for_test,
        ],
    ),
)
test_dataloader = val_dataloader
