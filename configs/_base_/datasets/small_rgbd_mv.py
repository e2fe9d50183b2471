"""Small RGB-D sequences with ScanNet200's ids, for two cores.

Batches of 1 and no elastic distortion, as for single frames.
"""

_base_ = "./esam_mv.py"

dataset = dict(data_root="data/synthetic-tours/")
train_dataloader = dict(
    batch_size=1,
    num_workers=1,
    dataset=dict(
        **dataset,
        ann_file="rgbd_mv_oneformer3d_infos_train.json",
        pipeline=[
            _base_.load_adjacent,
            *_base_.train_200,
            _base_.boxes,
            _base_.pack,
        ],
    ),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        **dataset,
        ann_file="rgbd_mv_oneformer3d_infos_val.json",
        pipeline=[
            _base_.load_all,
            *_base_.test_200,
            _base_.pack_for_test,
        ],
    ),
)
test_dataloader = val_dataloader
