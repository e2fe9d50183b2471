"""Scenes of other datasets, to test on what was trained on ScanNet.

Every object of NYU40 counts; walls and floors are stuff.
"""

_base_ = "./esam.py"

train_dataloader = None
val_dataloader = None
test_dataloader = dict(
    dataset=dict(
        type="NYU40SegMVDataset_",
        data_prefix=dict(_delete_=True),
        pipeline=[
            _base_.load_all,
            *_base_.test_200_online[1:-1],
            dict(_base_.annotate_online, num_classes=40),
            _base_.pack_online_for_test,
        ],
    ),
)
