"""One KITTI-360 frame: its depth map, its packed views, its row in the index."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.index.report import (
    LOW_COVERAGE,
    LOW_VALID,
    found_cuts,
    spread,
)
from vantage3d.converters.kitti360.calibration import (
    Calibration,
    read_calibration,
    read_poses,
)
from vantage3d.converters.kitti360.depth import DepthMaker, DepthOptions
from vantage3d.converters.kitti360.layout import Kitti360Layout
from vantage3d.geometry import invert_rigid
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.depth_files import KITTI_SCALE, write_depth_png
from vantage3d.io.images import read_color, read_depth, read_size
from vantage3d.io.kitti360_labels import IDS
from vantage3d.views.frame import Frame
from vantage3d.views.index import Facts, FrameIndex, IndexedFrame
from vantage3d.views.kitti360 import make_buckets, packed_name, write_view
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
        out_dir: Folder of the cache.
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
    """Split, records of the usable frames of a chunk, and why others are not.

    A finished chunk is read from its marker below ``state``. It is made again if a file
    of it is gone, or for skipped frames whose own files may have come since.
    """
    split, sequence, frames = chunk
    marker = state / f"{split}_{sequence}_{frames[0]:010d}_{len(frames)}.json"
    if marker.is_file() and not overwrite:
        _, records, skipped = json.loads(marker.read_bytes())
        names = [record["depth"] for record in records]
        names += [
            packed_name(record["sequence"], record["frame"], size)
            for record in records
            for size in options.pack
        ]
        whole = all((options.out_dir / name).is_file() for name in names)
        if whole and set(skipped.values()) <= {NO_POSE}:
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


def _record(
    options: Options,
    make: DepthMaker,
    frame: int,
    cam2world: NDArray[np.float64],
    overwrite: bool,
) -> Record:
    """What is known of one frame; writes its depth map and packed views."""
    image = options.layout.image(make.sequence, frame)
    if (size := read_size(image)) != make.size:
        raise ValueError(
            f"{image} has {size[0]}x{size[1]} pixels, expected {make.size[0]}x"
            f"{make.size[1]} (S_rect). Download it again."
        )
    stored = f"depth/{make.sequence}/{frame:010d}.png"
    path = options.out_dir / stored
    if path.is_file() and not overwrite:
        depth = read_depth(path, KITTI_SCALE)
    else:
        depth = make(frame)
        write_depth_png(path, depth, KITTI_SCALE)
    if not depth.any():
        raise ValueError(f"{path} has no valid pixel: no sweep reaches into the image.")
    labels = make.labels(frame)
    if options.pack:
        known = None if labels is None else labels.astype(np.int16)
        source = Frame(read_color(image), depth, make.K, np.eye(4), known)
        for size in options.pack:
            name = packed_name(make.sequence, frame, size)
            write_view(options.out_dir / name, ViewTransform(*size, "scatter")(source))
    view = ViewTransform(*options.view, "scatter")
    left, top, right, bottom = view.window(make.K, make.size)
    part = view.resample(depth[top:bottom, left:right])
    record: Record = {
        "sequence": make.sequence,
        "frame": frame,
        "cam2world": cam2world.ravel().tolist(),
        "depth": stored,
        "valid": int(np.count_nonzero(depth)),
        "coverage": float(np.count_nonzero(depth) / depth.size),
        "view_valid": int(np.count_nonzero(part)),
        "classes": [0] * CLASSES,
    }
    if labels is not None:
        count = np.bincount(labels[top:bottom, left:right].ravel(), minlength=CLASSES)
        record["classes"] = count.tolist()
    return record


def frame_index(
    options: Options, calibration: Calibration, records: Sequence[Record], made: str
) -> FrameIndex:
    """The index of a split.

    Its columns beside paths and cameras: ``valid`` and ``coverage`` (pixels with depth
    and their share), ``view_valid`` (pixels with depth in the network's view),
    ``classes`` (F, 45) label counts in the window of the view, ``building`` the share
    of buildings among them, NaN without labels, and ``size`` (W, H) of the image.
    ``made`` is the hash of what the depth maps depend on.
    """
    camera, root = options.layout.camera, options.layout.root.resolve()
    layout = Kitti360Layout(
        Path(os.path.relpath(root, options.out_dir.resolve())), camera
    )
    frames: dict[str, list[IndexedFrame]] = {}
    for record in records:
        where = record["sequence"], record["frame"]
        frames.setdefault(record["sequence"], []).append(
            IndexedFrame(
                record["frame"],
                str(layout.image(*where)),
                record["depth"],
                calibration.K[camera],
                invert_rigid(np.array(record["cam2world"]).reshape(4, 4)),
                str(layout.semantic(*where)) if any(record["classes"]) else "",
            )
        )
    names = ("valid", "coverage", "view_valid", "classes")
    columns = {name: np.array([record[name] for record in records]) for name in names}
    columns["classes"] = classes = columns["classes"].reshape(-1, CLASSES)
    with np.errstate(invalid="ignore"):
        columns["building"] = classes[:, IDS["building"]] / classes.sum(axis=1)
    columns["size"] = np.tile(calibration.size[camera], (len(records), 1))
    return FrameIndex.build(Facts("integer", ".", KITTI_SCALE, made), frames, columns)


def write_report(
    options: Options, indexes: Mapping[str, FrameIndex], skipped: Mapping[str, str]
) -> Path:
    """Write ``report.json``: statistics and cuts of every split, and what was skipped.

    A frame is poor with less than 10 % of its pixels covered, or less than 2000 valid
    pixels in the network's view.
    """
    splits = {}
    for split, index in indexes.items():
        names = ("coverage", "view_valid", "building")
        coverage, valid, ratios = (index.columns[name] for name in names)
        poor = np.flatnonzero((coverage < LOW_COVERAGE) | (valid < LOW_VALID)).tolist()
        splits[split] = {
            "frames": len(index.numbers),
            "sequences": len(index.sequences),
            "coverage": spread(coverage),
            "view_valid": spread(valid),
            "buckets": {k: len(where) for k, where in make_buckets(ratios).items()},
            "without_labels": int(np.isnan(ratios).sum()),
            "low_quality_frames": [
                f"{index.sequence_of(row)}/{index.numbers[row]}" for row in poor
            ],
            "cuts": found_cuts(index),
        }
    report = {
        "view": options.view,
        "packed": options.pack,
        "splits": splits,
        "skipped": dict(skipped),
    }
    path = options.out_dir / "report.json"
    atomic_write_bytes(path, (json.dumps(report, indent=1) + "\n").encode())
    return path
