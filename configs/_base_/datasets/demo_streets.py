"""Synthetic streets: `_base_.demo` of `make demo-depth`, `_base_.poses` of demo-poses.

Each has a `suburb` and a `brick` quarter. Drives of the split "val" are in no other
split: nothing is trained on them. Test samples have the depth of every pixel beside
that of the scanner. In `poses` frames are up to four apart, in the order of time.
"""


def loaders(root, apart=None, batch_size=2, **depth):
    """Loaders of one process, and the dataset of the test, which replaces another."""
    small = dict(data_root=root, frames=3, image_size=168, aspect=0.34)
    sampling, fixed = dict(span=4), dict()
    if apart:
        sampling, fixed = apart, dict(sampling=apart, drawn=True, stride=2)
    quick = dict(num_workers=0, persistent_workers=False)
    sample = dict(**small, **depth, sampling=sampling, min_valid=200)
    held_out = dict(**small, **depth, **fixed)
    unseen = dict(type="KITTI360Dataset", split="val", test_mode=True, **small, **fixed)
    return dict(
        train=dict(**quick, batch_size=batch_size, dataset=sample),
        val=dict(**quick, dataset=dict(windows=12, dataset=held_out)),
        test=dict(type="ExactViews", dataset=unseen),
    )


demo = dict(
    suburb=loaders("data/demo-depth/suburb", depth="exact"),
    brick=loaders("data/demo-depth/brick"),
)
apart = dict(apart=dict(span=4, in_time=True), batch_size=8)
poses = dict(
    suburb=loaders("data/demo-poses/suburb", **apart, depth="exact"),
    brick=loaders("data/demo-poses/brick", **apart),
)
