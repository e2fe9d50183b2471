"""Synthetic streets of `make demo-depth`: `_base_.demo.suburb` and `_base_.demo.brick`.

Drives of the split "val" are in no other split: nothing is trained on them. Test
samples have the depth of every pixel beside that of the scanner.
"""


def loaders(root, **depth):
    """Loaders of one process, and the dataset of the test, which replaces another."""
    small = dict(data_root=root, frames=3, image_size=168, aspect=0.34)
    quick = dict(num_workers=0, persistent_workers=False)
    sample = dict(**small, **depth, sampling=dict(span=4), min_valid=200)
    unseen = dict(type="KITTI360Dataset", split="val", test_mode=True, **small)
    return dict(
        train=dict(**quick, batch_size=2, dataset=sample),
        val=dict(**quick, dataset=dict(windows=12, dataset=dict(**small, **depth))),
        test=dict(type="ExactViews", dataset=unseen),
    )


demo = dict(
    suburb=loaders("data/demo-depth/suburb", depth="exact"),
    brick=loaders("data/demo-depth/brick"),
)
