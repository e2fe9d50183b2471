"""One KITTI-360 frame: its depth map, its packed views, its entry in the index."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.kitti360.calibration import read_calibration, read_poses
from vantage3d.converters.kitti360.depth import DepthMaker, DepthOptions
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.depth_files import KITTI_SCALE, write_depth_png
from vantage3d.io.images import read_color, read_depth, read_size
from vantage3d.views.batch import UNKNOWN
from vantage3d.views.frame import Frame
from vantage3d.views.kitti360.dataset import packed_name
from vantage3d.views.kitti360.layout import Kitti360Layout
from vantage3d.views.kitti360.packed_view import PackedView, write_view
from vantage3d.views.transform import ViewTransform

CLASSES = 45
NO_POSE = "no pose: the car hardly moved, or poses.txt is cut"
Record = dict[str, Any]
Chunk = tuple[str, str, tuple[int, ...]]  # split, sequence, frames
Size = tuple[int, int]


@dataclass(frozen=True)
class Options:
    """What is made.

    Attributes:
        layout: Where the raw data lies.
        out_dir: The cache.
        view: (H, W) of the network's images; ratios are counted on their window.
        depth: How depth maps are made.
        sequences: Drives to take, all if empty.
        pack: (H, W) of the views that are packed, none if empty.
    """

    layout: Kitti360Layout
    out_dir: Path
    view: Size = (168, 518)
    depth: DepthOptions = field(default_factory=DepthOptions)
    sequences: tuple[str, ...] = ()
    pack: tuple[Size, ...] = ()


def run_chunk(
    options: Options, state: Path, overwrite: bool, chunk: Chunk
) -> tuple[str, list[Record], dict[str, str]]:
    """Split, entries of the usable frames of a chunk, and why others are not.

    A finished chunk is read from its marker below ``state``. It is made again if a file
    of it is gone, or for skipped frames whose own files may have come since.
    """
    split, sequence, frames = chunk
    marker = state / f"{split}_{sequence}_{frames[0]:010d}_{len(frames)}.json"
    if marker.is_file() and not overwrite:
        _, records, skipped = json.loads(marker.read_bytes())
        if set(skipped.values()) <= {NO_POSE} and _complete(options, records):
            return split, records, skipped
    calibration = read_calibration(options.layout.root / "calibration")
    poses = read_poses(options.layout.poses(sequence))
    make = DepthMaker(options.layout, sequence, calibration, poses, options.depth)
    records, skipped = [], {}
    for frame in frames:
        if frame not in poses:
            skipped[f"{sequence}/{frame}"] = NO_POSE
            continue
        cam2world = poses[frame] @ calibration.cam2imu[options.layout.camera]
        try:
            records.append(_record(options, make, frame, cam2world, overwrite))
        except (FileNotFoundError, ValueError) as error:
            skipped[f"{sequence}/{frame}"] = str(error)
    atomic_write_bytes(marker, json.dumps((split, records, skipped)).encode())
    return split, records, skipped


def _complete(options: Options, records: Sequence[Record]) -> bool:
    """Whether all files of the entries are there."""
    names = [record["depth"] for record in records]
    names += [
        packed_name(record["sequence"], record["frame"], size)
        for record in records
        for size in options.pack
    ]
    return all((options.out_dir / name).is_file() for name in names)


def _record(
    options: Options,
    make: DepthMaker,
    frame: int,
    cam2world: NDArray[np.float64],
    overwrite: bool,
) -> Record:
    """One frame's entry of the index; writes its depth map and packed views."""
    image = options.layout.image(make.sequence, frame)
    if (size := read_size(image)) != make.size:
        raise ValueError(
            f"{image} has {size[0]}x{size[1]} pixels, expected {make.size[0]}x"
            f"{make.size[1]} (S_rect). Download it again."
        )
    name = f"depth/{make.sequence}/{frame:010d}.png"
    path = options.out_dir / name
    if path.is_file() and not overwrite:
        depth = read_depth(path, KITTI_SCALE)
    else:
        depth = make(frame)
        write_depth_png(path, depth, KITTI_SCALE)
    if not depth.any():
        raise ValueError(f"{path} has no valid pixel: no sweep reaches into the image.")
    labels = make.labels(frame)
    if options.pack:
        _pack(options, make, frame, depth)
    view = ViewTransform(*options.view, "scatter")
    left, top, right, bottom = view.window(make.K, make.size)
    seen = view.resample(depth[top:bottom, left:right])
    record: Record = {
        "sequence": make.sequence,
        "frame": frame,
        "cam2world": cam2world.ravel().tolist(),
        "depth": name,
        "valid": int(np.count_nonzero(depth)),
        "coverage": float(np.count_nonzero(depth) / depth.size),
        "view_valid": int(np.count_nonzero(seen)),
    }
    if labels is not None:
        count = np.bincount(labels[top:bottom, left:right].ravel(), minlength=CLASSES)
        record["classes"] = {str(i): int(count[i]) for i in np.flatnonzero(count)}
    return record


def _pack(
    options: Options, make: DepthMaker, frame: int, depth: NDArray[np.float32]
) -> None:
    """Write what training would cut from the originals, at every packed size."""
    labels = make.labels(frame)
    if labels is None:
        labels = np.full(depth.shape, UNKNOWN)
    color = read_color(options.layout.image(make.sequence, frame))
    source = Frame(color, depth, make.K, np.eye(4), labels.astype(np.int16))
    for size in options.pack:
        view = ViewTransform(*size, "scatter")(source)
        assert view.semantics is not None
        packed = PackedView(view.image, view.depth, view.semantics)
        write_view(options.out_dir / packed_name(make.sequence, frame, size), packed)
