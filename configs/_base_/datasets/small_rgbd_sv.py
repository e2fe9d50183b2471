"""Small RGB-D sets with ScanNet200's ids, for two cores.

Batches of 2 and no elastic distortion: what counts in minutes is the number of steps.
"""

_base_ = "./esam.py"

pack = dict(type="Pack3DDetInputs_", keys=_base_.packed_for_training)
dataset = dict(type="ScanNet200SegDataset_", data_root="data/synthetic/")
train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_train.json",
        pipeline=[*_base_.load, *_base_.train_200, pack],
    ),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        **dataset,
        ann_file="scannet200_sv_oneformer3d_infos_val.json",
        pipeline=[*_base_.load, *_base_.test_200, _base_.pack_for_test],
    ),
)
test_dataloader = val_dataloader
