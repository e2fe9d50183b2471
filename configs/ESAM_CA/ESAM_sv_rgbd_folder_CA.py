"""ESAM single view on your own RGB-D frames (`make demo-real RGBD=FOLDER`).

python tools/train.py configs/ESAM_CA/ESAM_sv_rgbd_folder_CA.py
python tools/test.py configs/ESAM_CA/ESAM_sv_rgbd_folder_CA.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/small_rgbd_sv.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv_narrow.py",
    "../_base_/schedules/esam_100e.py",
]

data_root = "data/real/"
train_dataloader = dict(
    dataset=dict(
        data_root=data_root, ann_file="rgbd_folder_oneformer3d_infos_train.json"
    ),
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, ann_file="rgbd_folder_oneformer3d_infos_val.json")
)
test_dataloader = val_dataloader
model = dict(voxel_size=0.02)
default_hooks = dict(checkpoint=dict(interval=10))
