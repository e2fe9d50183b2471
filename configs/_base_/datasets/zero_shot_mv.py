"""Scenes of other datasets, to test on what was trained on ScanNet.

Every object of NYU40 counts; walls and floors are stuff.
"""

_base_ = "./esam_mv.py"

train_dataloader = None
val_dataloader = None
test_dataloader = dict(
    dataset=dict(
        type="NYU40SegMVDataset_",
        pipeline=[
            _base_.load_all,
            *_base_.test_200[1:-1],
            dict(_base_.annotate, num_classes=40),
            _base_.pack_for_test,
        ],
    ),
)
