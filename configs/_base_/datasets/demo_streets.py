"""Synthetic streets of `make demo-depth`, for its two leaves: `_base_.demo`.

Drives of the split "val" are in no other split: nothing is trained on them. Test
samples have the depth of every pixel beside that of the scanner.
"""

small = dict(frames=3, image_size=168, aspect=0.34)
quick = dict(num_workers=0, persistent_workers=False)
demo = dict(
    train=dict(**quick, dataset=dict(**small, sampling=dict(span=4), min_valid=200)),
    val=dict(**quick, dataset=dict(windows=12, dataset=small)),
    # A leaf adds `_delete_`: a dataset of its own.
    test=dict(
        type="ExactViews",
        dataset=dict(type="KITTI360Dataset", split="val", test_mode=True, **small),
    ),
)
