"""ScanNet200 sequences: 8 adjacent frames are a sample, whole scenes are tested.

Boxes of whole instances and the truth of a test are of the meshes beside the frames.
"""

_base_ = "./esam.py"

dataset = dict(
    type="ScanNet200SegMVDataset_",
    data_root="data/scannet200-mv/",
    data_prefix=dict(_delete_=True),
)
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        **dataset,
        ann_file="scannet200_mv_oneformer3d_infos_train.json",
        pipeline=[
            _base_.load_adjacent,
            *_base_.train_200_online,
            _base_.elastic,
            _base_.boxes,
            _base_.pack_online_distorted,
        ],
    ),
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        ann_file="scannet200_mv_oneformer3d_infos_val.json",
        pipeline=[
            _base_.load_all,
            *_base_.test_200_online,
            _base_.pack_online_for_test,
        ],
    ),
)
test_dataloader = val_dataloader
