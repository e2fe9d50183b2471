"""``tools/create_data.py kitti360``: frame index, building ratios, depth maps."""

import argparse
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from projects.common.io.atomic import atomic_write_bytes
from projects.common.io.depth_files import KITTI_SCALE, write_depth_png
from projects.common.io.images import read_color, read_depth
from projects.common.io.infos import save_info
from projects.common.io.manifest import open_manifest
from projects.common.parallel import run_parallel
from projects.common.progress import track
from projects.vggt_lora.converters.kitti360_calibration import (
    check_chain,
    read_calibration,
    read_poses,
)
from projects.vggt_lora.converters.kitti360_depth import DepthMaker, DepthOptions
from projects.vggt_lora.converters.kitti360_layout import Kitti360Layout
from projects.vggt_lora.converters.kitti360_report import write_report
from projects.vggt_lora.converters.lidar_depth import CleanUp
from projects.vggt_lora.datasets.kitti360 import packed_name
from projects.vggt_lora.datasets.packed_view import PackedView, write_view
from projects.vggt_lora.datasets.sample import UNKNOWN
from projects.vggt_lora.datasets.view_geometry import ViewGeometry

FORMAT = 1  # Raise it when the bytes change for the same options.
CHUNK = 32  # Frames of one sequence that one process takes at a time.
CLASSES = 45
Record = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What is made.

    Attributes:
        layout: Where the raw data lies.
        out_dir: The cache.
        view: (H, W) of the network's images; ratios are counted on their window.
        depth: How depth maps are made.
        sequences: Drives to take, all if empty.
        pack: Also write every frame as a packed view.
    """

    layout: Kitti360Layout
    out_dir: Path
    view: tuple[int, int] = (168, 518)
    depth: DepthOptions = field(default_factory=DepthOptions)
    sequences: tuple[str, ...] = ()
    pack: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add, default = parser.add_argument, DepthOptions()
    add("--root-path", type=Path, required=True, help="holds data_2d_raw")
    add("--out-dir", type=Path, required=True, help="the cache, which training reads")
    add("--splits", nargs="+", default=["train", "val"], help="official frame lists")
    add("--sequences", nargs="+", default=[], help="only these drives")
    add("--camera", type=int, choices=(0, 1), default=0)
    text = "height and width of the network's images, for building ratios"
    add("--view", type=int, nargs=2, default=(168, 518), help=text)
    text = "sweeps before and after the image's own"
    add("--accumulate", type=int, default=default.accumulate, help=text)
    add("--depth-range", type=float, nargs=2, default=default.depth_range, help="m")
    add("--no-clean-up", action="store_true", help="keep points behind surfaces")
    add("--pack", action="store_true", help="also views at the network's size")
    add("--no-motion", action="store_true", help="sweeps of a car that stood still")
    add("--workers", type=int, default=1, help="processes")
    add("--overwrite", action="store_true", help="make everything again")


def run(args: argparse.Namespace) -> None:
    """Make the cache of every split."""
    near, far = args.depth_range
    depth = DepthOptions(
        args.accumulate,
        (near, far),
        None if args.no_clean_up else CleanUp(),
        motion=not args.no_motion,
    )
    view = int(args.view[0]), int(args.view[1])
    layout = Kitti360Layout(args.root_path, args.camera)
    sequences = tuple(args.sequences)
    options = Options(layout, args.out_dir, view, depth, sequences, args.pack)
    convert(options, args.splits, args.workers, args.overwrite)


def convert(
    options: Options, splits: list[str], workers: int = 1, overwrite: bool = False
) -> None:
    """Write depth maps, ``kitti360_<split>.json`` and the report.

    Finished depth maps of an earlier run are kept if they were made with the same
    options, calibration and poses.

    Raises:
        FileNotFoundError: If files of the data are missing.
        ValueError: If the poses contradict the calibration, a sequence has no frame
            with a pose, or the cache was made with other options.
    """
    layout = options.layout
    frames = {split: _frames(options, split) for split in splits}
    calibration = read_calibration(layout.root / "calibration")
    sequences = sorted({name for found in frames.values() for name in found})
    for name in sequences:
        if layout.cam0_to_world(name).is_file():
            poses = read_poses(layout.poses(name))
            check_chain(calibration, poses, layout.cam0_to_world(name))
    state = options.out_dir / ".create_data/kitti360"
    made = open_manifest(state, _manifest(options), overwrite)
    tag = hashlib.sha256(f"{made}{options.view}{options.pack}".encode()).hexdigest()[
        :12
    ]
    chunks = [
        (split, name, part)
        for split, found in frames.items()
        for name, numbers in found.items()
        for part in _chunks(numbers)
    ]
    task = partial(_run_chunk, options, state / tag, overwrite)
    records: dict[str, list[Record]] = {split: [] for split in splits}
    skipped: dict[str, str] = {}
    done = run_parallel(task, chunks, workers, __name__)
    for split, found, bad in track(done, len(chunks), "kitti360 depth"):
        records[split] += found
        skipped |= bad
    for split in splits:
        entries = sorted(records[split], key=lambda e: (e["sequence"], e["frame"]))
        if not entries:
            raise ValueError(
                f"no frame of split {split!r} can be used; first reasons: "
                f"{list(skipped.items())[:3]}."
            )
        save_info(_info(options, split), _metainfo(options, calibration), entries)
        records[split] = entries
    write_report(options.out_dir, layout, records, skipped)
    text = ", ".join(f"{s}: {len(r)} frames" for s, r in records.items())
    level = logging.WARNING if skipped else logging.INFO
    text += f"; skipped {len(skipped)} (see {options.out_dir / 'report.json'})"
    print_log(text, logger="current", level=level)


def _frames(options: Options, split: str) -> dict[str, list[int]]:
    wanted = options.sequences
    if split == "test":
        return {name: options.layout.recorded(name) for name in wanted}
    listed = options.layout.listed(split)
    return {k: v for k, v in listed.items() if not wanted or k in wanted}


def _manifest(options: Options) -> dict[str, Any]:
    """Everything that the depth maps depend on, in words or as a hash."""
    layout = options.layout
    files = sorted((layout.root / "calibration").glob("*.txt"))
    files += sorted((layout.root / "data_poses").glob("*/poses.txt"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    return {
        "format": FORMAT,
        "--root-path": str(layout.root.resolve()),
        "--camera": layout.camera,
        "calibration and poses": digest[:16],
        **asdict(options.depth),
    }


def _metainfo(options: Options, calibration: Any) -> dict[str, Any]:
    camera = options.layout.camera
    root = options.layout.root.resolve()
    return {
        "dataset": "kitti360",
        "raw_root": os.path.relpath(root, options.out_dir.resolve()),
        "camera": camera,
        "K": calibration.K[camera].tolist(),
        "size": list(calibration.size[camera]),
        "view": list(options.view),
        "depth_scale": KITTI_SCALE,
        "packed": options.pack,
    }


def _info(options: Options, split: str) -> Path:
    return options.out_dir / f"kitti360_{split}.json"


def _chunks(frames: list[int]) -> Iterator[tuple[int, ...]]:
    for start in range(0, len(frames), CHUNK):
        yield tuple(frames[start : start + CHUNK])


def _run_chunk(
    options: Options,
    state: Path,
    overwrite: bool,
    chunk: tuple[str, str, tuple[int, ...]],
) -> tuple[str, list[Record], dict[str, str]]:
    """Records of the usable frames of a chunk, and why others are not."""
    split, sequence, frames = chunk
    marker = state / f"{split}_{sequence}_{frames[0]:010d}_{len(frames)}.json"
    if marker.is_file() and not overwrite:
        return tuple(json.loads(marker.read_bytes()))  # type: ignore[return-value]
    calibration = read_calibration(options.layout.root / "calibration")
    poses = read_poses(options.layout.poses(sequence))
    make = DepthMaker(options.layout, sequence, calibration, poses, options.depth)
    records, skipped = [], {}
    for frame in frames:
        reason = _unusable(options.layout, sequence, frame, frame in poses)
        if reason:
            skipped[f"{sequence}/{frame}"] = reason
            continue
        cam2world = poses[frame] @ calibration.cam2imu[options.layout.camera]
        records.append(_record(options, make, frame, cam2world, overwrite))
    result = split, records, skipped
    atomic_write_bytes(marker, json.dumps(result).encode())
    return result


def _unusable(layout: Kitti360Layout, sequence: str, frame: int, has_pose: bool) -> str:
    if not has_pose:
        return "no pose: the car hardly moved, or poses.txt is cut"
    for path in (layout.image(sequence, frame), layout.sweep(sequence, frame)):
        if not path.is_file():
            return f"{path} is missing"
    return ""


def _record(
    options: Options,
    make: DepthMaker,
    frame: int,
    cam2world: np.ndarray,
    overwrite: bool,
) -> Record:
    """One frame's entry of the index; writes its depth map."""
    name = f"depth/{make.sequence}/{frame:010d}.png"
    path = options.out_dir / name
    if path.is_file() and not overwrite:
        depth = read_depth(path, KITTI_SCALE)
    else:
        depth = make(frame)
        write_depth_png(path, depth, KITTI_SCALE)
    view = ViewGeometry(*options.view, sparse_depth=True)
    left, top, right, bottom = view.window(make.K, make.size)
    seen_depth = view.scatter(depth[top:bottom, left:right])
    labels = make.labels(frame)
    if options.pack:
        image = read_color(options.layout.image(make.sequence, frame))
        classes = np.full(seen_depth.shape, UNKNOWN, np.int16)
        if labels is not None:
            classes[:] = view.nearest(labels[top:bottom, left:right])
        packed = PackedView(
            view.resize(image[top:bottom, left:right]), seen_depth, classes
        )
        write_view(options.out_dir / packed_name(make.sequence, frame), packed)
    record: Record = {
        "sequence": make.sequence,
        "frame": frame,
        "cam2world": cam2world.ravel().tolist(),
        "depth": name,
        "valid": int(np.count_nonzero(depth)),
        "coverage": float(np.count_nonzero(depth) / depth.size),
        "view_valid": int(np.count_nonzero(seen_depth)),
    }
    if labels is not None:
        seen = np.bincount(labels[top:bottom, left:right].ravel(), minlength=CLASSES)
        record["classes"] = {str(i): int(seen[i]) for i in np.flatnonzero(seen)}
    return record
