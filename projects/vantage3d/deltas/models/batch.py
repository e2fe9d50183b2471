"""What a batch and the network's size must fulfil."""

from collections.abc import Mapping, Sequence
from typing import Any

from vantage3d.checks import check_finite, check_shape

LEAST_SIZE = 32  # pixels, the stride of the deepest features
LEGACY_MULTIPLE = 8


def check_size(width: int, blocks: Sequence[int]) -> None:
    """Raise ValueError unless networks of this size exist."""
    if width < 4 or width % 4:
        raise ValueError(
            f"`width` must be a positive multiple of 4, got {width}: the encoder of "
            "sparse depth has a quarter of it."
        )
    if len(blocks) != 4 or min(blocks) < 1:
        raise ValueError(
            f"`blocks` must be four positive numbers, got {tuple(blocks)}."
        )


def check_batch(batch: Mapping[str, Any], legacy: bool) -> None:
    """Raise unless images, intrinsics and poses are there and fit together.

    Raises:
        ValueError: Naming the samples where the batch has ``names``.
    """
    absent = sorted({"images", "K", "cam2world"} - set(batch))
    if absent:
        raise ValueError(f"batch has no {absent}, only {sorted(batch)}.")
    names = f"Samples {list(batch['names'])}." if "names" in batch else ""
    dims = check_shape("images", batch["images"], "B V 3 H W", fix=names)
    check_shape("K", batch["K"], "B V 3 3", dims=dims, fix=names)
    check_shape("cam2world", batch["cam2world"], "B V 4 4", dims=dims, fix=names)
    if dims["V"] < 2:
        raise ValueError(
            f"`images` must have an anchor and at least one other view, got "
            f"{dims['V']} views. {names}".rstrip()
        )
    _check_image_size(dims["H"], dims["W"], legacy)
    for key in ("K", "cam2world"):
        check_finite(key, batch[key], fix=names)
    focal = batch["K"].diagonal(dim1=-2, dim2=-1)[..., :2]
    if bool((focal <= 0).any()):
        at = [int(i) for i in (focal <= 0).nonzero()[0]]
        raise ValueError(
            f"`K` must have positive focal lengths, got {focal[tuple(at)].item():g} in "
            f"sample {at[0]}, view {at[1]}. {names}".rstrip()
        )


def _check_image_size(height: int, width: int, legacy: bool) -> None:
    if min(height, width) < LEAST_SIZE:
        raise ValueError(
            f"`images` must be at least {LEAST_SIZE} pixels high and wide, got "
            f"{width}x{height}. Resize the images and `K` alike."
        )
    if legacy and (height % LEGACY_MULTIPLE or width % LEGACY_MULTIPLE):
        raise ValueError(
            f"with `legacy=True` the sides of `images` must be multiples of "
            f"{LEGACY_MULTIPLE}, got {width}x{height}. Resize the images and `K`, or "
            "take legacy=False, which has no such rule."
        )
