"""From an entry of the frame index to a frame: one reader per way of storing depth."""

from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import distance_to_depth
from vantage3d.io.depth_files import (
    read_float16_png,
    read_hdf5,
    read_npy,
    read_rotated_depth,
)
from vantage3d.io.images import read_color, read_depth, read_ids
from vantage3d.io.rgbd_frames import read_folder_frame, read_scannet_frame
from vantage3d.views.frame import BadSampleError, Frame
from vantage3d.views.index import Facts, IndexedFrame
from vantage3d.views.resampling import nearest

MASKED = 128  # grey level above which a pixel of Co3D belongs to the object
Depth = NDArray[np.float32]


def read_indexed(root: Path, facts: Facts, entry: IndexedFrame) -> Frame:
    """A frame as stored, depth in metres.

    Args:
        root: Folder that the paths of ``entry`` are relative to.
        facts: What holds for all frames of the index.
        entry: The frame as the index has it.

    Raises:
        BadSampleError: If a file is missing, damaged or of another size than its image.
    """
    try:
        frame = READERS[facts.reader](root, facts, entry)
        if entry.semantics:
            labels = read_ids(root / entry.semantics).astype(np.int16)
            frame = frame._replace(semantics=labels)
    except (FileNotFoundError, ValueError) as error:
        raise BadSampleError(str(error)) from error
    if frame.depth.shape != frame.image.shape[:2]:
        (h, w), (H, W) = frame.depth.shape, frame.image.shape[:2]
        raise BadSampleError(
            f"depth map {root / entry.depth} is {w}x{h} and its image {W}x{H}: "
            "expected one size. Resize the depth to the image (nearest neighbour)"
        )
    if not (frame.depth > 0).any():
        raise BadSampleError(
            f"depth map {root / entry.depth} has no valid pixel of {frame.depth.size}. "
            "Leave the frame out, or check the depth encoding and scale"
        )
    return frame


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


def _integer(root: Path, facts: Facts, entry: IndexedFrame) -> Frame:
    return _framed(root, entry, read_depth(root / entry.depth, facts.depth_scale))


def _rotated(root: Path, facts: Facts, entry: IndexedFrame) -> Frame:
    return _framed(root, entry, read_rotated_depth(root / entry.depth))


def _npy(root: Path, facts: Facts, entry: IndexedFrame) -> Frame:
    return _framed(root, entry, read_npy(root / entry.depth) / facts.depth_scale)


def _distance(root: Path, facts: Facts, entry: IndexedFrame) -> Frame:
    distance = read_hdf5(root / entry.depth) / facts.depth_scale
    depth = distance_to_depth(distance.astype(np.float64), entry.K)
    return _framed(root, entry, depth.astype(np.float32))


def _co3d(root: Path, facts: Facts, entry: IndexedFrame) -> Frame:
    depth = read_float16_png(root / entry.depth) / facts.depth_scale
    mask = read_ids(root / co3d_mask(entry.image), "mask") > MASKED
    if mask.shape != depth.shape:
        raise ValueError(
            f"mask {root / co3d_mask(entry.image)} is {mask.shape} and the depth map "
            f"{depth.shape}. Take both as they were released"
        )
    return _framed(root, entry, np.where(mask, depth, np.float32(0)))


def co3d_mask(image: str) -> str:
    """Path of the object mask of a Co3D image."""
    return f"{image.replace('/images', '/depth_masks').rpartition('.')[0]}.png"


def _scannet(root: Path, facts: Facts, entry: IndexedFrame) -> Frame:
    folder = (root / entry.image).parent.parent
    color, depth, K, _ = read_scannet_frame(folder, Path(entry.image).stem)
    return Frame(color, depth, K, entry.world2cam)


def _rgbd_folder(root: Path, facts: Facts, entry: IndexedFrame) -> Frame:
    folder, name = (root / entry.image).parent.parent, Path(entry.image).stem
    color, depth, K, _ = read_folder_frame(folder, name, facts.depth_scale)
    return Frame(color, depth, K, entry.world2cam)


def _points(root: Path, facts: Facts, entry: IndexedFrame) -> Frame:
    """Scattered points in their pixels; the nearest of a pixel wins."""
    image = read_color(root / entry.image)
    store = _arrays(root / entry.depth, ("pixels", "depths"))
    height, width = image.shape[:2]
    columns, rows = np.round(store["pixels"]).astype(int).reshape(-1, 2).T
    depth = np.where(store["depths"] > 0, store["depths"], np.inf)
    inside = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    view = np.full((height, width), np.inf, np.float32)
    where = rows[inside], columns[inside]
    np.minimum.at(view, where, depth[inside].astype(np.float32))
    view[np.isinf(view)] = 0
    return Frame(image, view, entry.K, entry.world2cam)


def _dense(root: Path, facts: Facts, entry: IndexedFrame) -> Frame:
    """Depth at any resolution of the same view, taken at pixel centres."""
    image = read_color(root / entry.image)
    depth = _arrays(root / entry.depth, ("depth",))["depth"]
    depth = nearest(depth, *image.shape[:2])
    return Frame(image, depth, entry.K, entry.world2cam)


def _arrays(path: Path, names: tuple[str, ...]) -> dict[str, NDArray]:
    if not path.is_file():
        raise FileNotFoundError(
            f"depth file {path} is missing: it was not made, or its fit was refused"
        )
    try:
        with np.load(path, allow_pickle=False) as store:
            return {name: store[name] for name in names}
    except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
        raise ValueError(
            f"depth file {path} is truncated or of another kind ({error}). Make it "
            "again"
        ) from error


def _framed(root: Path, entry: IndexedFrame, depth: Depth) -> Frame:
    return Frame(read_color(root / entry.image), depth, entry.K, entry.world2cam)


READERS: dict[str, Callable[[Path, Facts, IndexedFrame], Frame]] = {
    "integer": _integer,
    "vkitti": _integer,
    "sevenscenes": _integer,
    "rotated": _rotated,
    "npy": _npy,
    "distance": _distance,
    "co3d": _co3d,
    "scannet": _scannet,
    "rgbd_folder": _rgbd_folder,
    "points": _points,
    "dense": _dense,
}
