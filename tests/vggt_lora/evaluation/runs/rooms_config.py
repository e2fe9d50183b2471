"""The tiny network on rooms in ETH3D's layout."""

_base_ = ["street_config.py"]

test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="PosedViews",
        preset="eth3d",
        data_root="",
        split="val",
        frames=2,
        image_size=84,
        aspect=0.67,
        test_mode=True,
    ),
)
