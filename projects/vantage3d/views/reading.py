"""From an entry of the frame index to a frame: one reader per way of storing depth."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_choice
from vantage3d.geometry import distance_to_depth
from vantage3d.geometry.rasters import z_buffer
from vantage3d.io.arrays import load_arrays
from vantage3d.io.depth_files import (
    read_depth_file,
    read_float16_png,
    read_hdf5,
    read_npy,
    read_rotated_depth,
)
from vantage3d.io.images import read_color, read_depth, read_ids, read_size
from vantage3d.io.paths import inside
from vantage3d.recordings.registration import register_color
from vantage3d.views.frame import BadSampleError, Frame
from vantage3d.views.index import Facts, IndexedFrame
from vantage3d.views.transform import nearest

MASKED = 128  # grey level above which a pixel of Co3D belongs to the object
_FITTED = ("depth file", "It was not made, or its fit was refused")
Depth = NDArray[np.float32]


def read_indexed(root: Path, facts: Facts, entry: IndexedFrame) -> Frame:
    """A frame as stored, depth in metres; its paths are relative to ``root``.

    Raises:
        BadSampleError: If a file is missing, damaged or of another size than its image.
    """
    semantics = None
    try:
        check_inside(root, facts, entry)
        depth = READERS[facts.reader](root, facts, entry)
        image = read_color(root / entry.image)
        if facts.registered:
            cameras = entry.K_color, depth, entry.K, entry.depth2color
            image, depth = register_color(image, *cameras)
        if entry.semantics:
            semantics = read_ids(root / entry.semantics).astype(np.int16)
    except (FileNotFoundError, ValueError) as error:
        raise BadSampleError(str(error)) from error
    if depth.shape != image.shape[:2]:
        (h, w), (H, W) = depth.shape, image.shape[:2]
        raise BadSampleError(
            f"depth map {root / entry.depth} is {w}x{h} and its image {W}x{H}: "
            "expected one size. Resize the depth to the image (nearest neighbour)"
        )
    if not (depth > 0).any():
        raise BadSampleError(
            f"depth map {root / entry.depth} has no valid pixel of {depth.size}. "
            "Leave the frame out, or check the depth encoding and scale"
        )
    return Frame(image, depth, entry.K, entry.world2cam, semantics)


def check_inside(root: Path, facts: Facts, entry: IndexedFrame) -> None:
    """Refuse an entry whose files lie outside of ``root`` and its declared folders.

    Raises:
        ValueError: If one does; or if nobody knows the index's reader.
    """
    check_choice("reader", facts.reader, READERS)
    roots = root, *(root / extra for extra in facts.extra_roots)
    where = f"frame {entry.number} of the index"
    for name in filter(None, (entry.image, entry.depth, entry.semantics)):
        inside(root, name, where, roots)


def limit_depth(
    depth: Depth,
    min_depth: float = 0.0,
    max_depth: float = np.inf,
    percentile: float | None = None,
) -> Depth:
    """Depth without what is out of range.

    Args:
        depth: (H, W) metres, 0 = missing.
        min_depth: Nearer becomes missing, metres.
        max_depth: Farther becomes missing, metres.
        percentile: What is farther than this percentile of all pixels, missing ones
            included, becomes missing (98 in released VGGT); None for no such limit.
    """
    if percentile is not None:
        max_depth = min(max_depth, float(np.percentile(depth, percentile)))
    return np.where((depth >= min_depth) & (depth <= max_depth), depth, np.float32(0))


def _distance(root: Path, facts: Facts, entry: IndexedFrame) -> Depth:
    distance = read_hdf5(root / entry.depth) / facts.depth_scale
    depth = distance_to_depth(distance.astype(np.float64), entry.K)
    return depth.astype(np.float32)


def _co3d(root: Path, facts: Facts, entry: IndexedFrame) -> Depth:
    depth = read_float16_png(root / entry.depth) / facts.depth_scale
    stem = entry.image.replace("/images", "/depth_masks").rpartition(".")[0]
    name, roots = f"{stem}.png", (root, *(root / r for r in facts.extra_roots))
    path = inside(root, name, f"frame {entry.number} of the index", roots)
    mask = read_ids(path, "mask") > MASKED
    if mask.shape != depth.shape:
        raise ValueError(
            f"mask {path} is {mask.shape} and the depth map {depth.shape}. Take both "
            "as they were released"
        )
    return np.where(mask, depth, np.float32(0))


def _points(root: Path, facts: Facts, entry: IndexedFrame) -> Depth:
    """Scattered points in their pixels; the nearest of a pixel wins."""
    width, height = read_size(root / entry.image)
    store = load_arrays(root / entry.depth, *_FITTED, ("pixels", "depths"))
    columns, rows = np.round(store["pixels"]).astype(int).reshape(-1, 2).T
    inside = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    inside &= store["depths"] > 0
    pixels = rows[inside] * width + columns[inside]
    return z_buffer(store["depths"][inside], pixels, (width, height))


def _dense(root: Path, facts: Facts, entry: IndexedFrame) -> Depth:
    """Depth at any resolution of the same view, taken at pixel centres."""
    width, height = read_size(root / entry.image)
    store = load_arrays(root / entry.depth, *_FITTED, ("depth",))
    return nearest(store["depth"], height, width)


def _integer(root: Path, facts: Facts, entry: IndexedFrame) -> Depth:
    return read_depth(root / entry.depth, facts.depth_scale)


def _by_suffix(root: Path, facts: Facts, entry: IndexedFrame) -> Depth:
    return read_depth_file(root / entry.depth, facts.depth_scale, facts.missing)


def _rotated(root: Path, facts: Facts, entry: IndexedFrame) -> Depth:
    return read_rotated_depth(root / entry.depth, facts.depth_scale, facts.missing)


def _along_rays(root: Path, facts: Facts, entry: IndexedFrame) -> Depth:
    read = _rotated if facts.reader == "rotated_rays" else _by_suffix
    distance = read(root, facts, entry).astype(np.float64)
    return distance_to_depth(distance, entry.K).astype(np.float32)


READERS: dict[str, Callable[[Path, Facts, IndexedFrame], Depth]] = {
    "integer": _integer,
    "vkitti": _integer,
    "rotated": _rotated,
    "rotated_rays": _along_rays,
    "npy": lambda root, facts, entry: read_npy(root / entry.depth) / facts.depth_scale,
    "distance": _distance,
    "co3d": _co3d,
    "points": _points,
    "dense": _dense,
    "recording": _by_suffix,
    "recording_rays": _along_rays,
}
