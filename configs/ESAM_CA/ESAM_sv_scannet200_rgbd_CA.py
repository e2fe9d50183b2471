"""ESAM single view on ScanNet200 and your own RGB-D frames together.

Two datasets in one ConcatDataset; validation and test are those of ScanNet200.

python tools/train.py configs/ESAM_CA/ESAM_sv_scannet200_rgbd_CA.py
"""

_base_ = [
    "../_base_/datasets/scannet200_sv.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv.py",
    "../_base_/schedules/esam_128e.py",
]

scannet200 = dict(_base_.train_dataloader.dataset)
own = dict(
    scannet200,
    data_root="data/real/",
    ann_file="rgbd_folder_oneformer3d_infos_train.json",
)
train_dataloader = dict(
    dataset=dict(_delete_=True, type="ConcatDataset", datasets=[scannet200, own])
)
