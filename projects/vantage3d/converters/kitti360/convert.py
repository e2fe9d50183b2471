"""``tools/create_data.py kitti360``: frame index, building ratios, depth maps."""

import argparse
import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.converters.index.report import (
    LOW_COVERAGE,
    LOW_VALID,
    found_cuts,
    refuse_skipped,
    spread,
    write_overview,
)
from vantage3d.converters.kitti360.depth import DepthMaker, DepthOptions
from vantage3d.converters.kitti360.raw import (
    Calibration,
    Kitti360Layout,
    check_chain,
    read_calibration,
    read_poses,
)
from vantage3d.converters.lists import add_available, on_disk
from vantage3d.converters.runs import (
    RunOptions,
    add_folders,
    add_run_options,
    check_run,
    from_args,
)
from vantage3d.geometry import invert_rigid
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import read_sealed, seal
from vantage3d.io.depth_files import KITTI_SCALE, write_depth_png
from vantage3d.io.folders import matching
from vantage3d.io.images import read_color, read_depth, read_size
from vantage3d.io.kitti360_labels import IDS
from vantage3d.io.paths import inside
from vantage3d.process.parallel import run_parallel
from vantage3d.process.progress import track
from vantage3d.views.frame import Frame
from vantage3d.views.index import Facts, FrameIndex, IndexedFrame
from vantage3d.views.kitti360 import make_buckets, packed_name, write_view
from vantage3d.views.transform import ViewTransform

CLASSES = 45
NO_POSE = "no pose: the car hardly moved, or poses.txt is cut"
Record = dict[str, Any]
Chunk = tuple[str, str, tuple[int, ...]]  # split, sequence, frames
Size = tuple[int, int]
FORMAT = 1  # Raise it when the bytes of depth maps change for the same options.
RECORDS = 3  # Raise it when what is known of a frame changes.
CHUNK = 32  # Frames of one sequence that one process takes at a time.


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """What is made.

    Attributes:
        layout: Where the raw data lies.
        view: (H, W) of the network's images; ratios are counted on their window.
        depth: How depth maps are made.
        sequences: Drives to take, all if empty.
        pack: (H, W) of the views that are packed, none if empty.
        available: Whether drives of a list may be missing.
    """

    layout: Kitti360Layout
    name: str = "kitti360"
    view: Size = (168, 518)
    depth: DepthOptions = field(default_factory=DepthOptions)
    sequences: tuple[str, ...] = ()
    pack: tuple[Size, ...] = ()
    available: bool = False


def run_chunk(
    options: Options, state: Path, chunk: Chunk
) -> tuple[str, list[Record], dict[str, str]]:
    """Split, records of the usable frames of a chunk, and why others are not.

    A finished chunk is read from its marker below ``state``. It is made again if a file
    of it is gone, or for skipped frames whose own files may have come since.
    """
    split, sequence, frames = chunk
    marker = state / f"{split}_{sequence}_{frames[0]:010d}_{len(frames)}.json"
    if known := None if options.overwrite else _known(marker):
        records, skipped = known["records"], known["skipped"]
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
            records.append(_record(options, make, frame, cam2world))
        except (FileNotFoundError, ValueError) as error:
            skipped[f"{sequence}/{frame}"] = str(error)
    content = {"records": records, "skipped": skipped}
    atomic_write_bytes(marker, seal(json.dumps(content)))
    return split, records, skipped


def _known(marker: Path) -> dict[str, Any] | None:
    """What an earlier run found; None if there is none, or it is damaged."""
    if not marker.is_file():
        return None
    try:
        return read_sealed(marker, "record", "Its frames are made again", sealed=True)
    except ValueError as error:
        print_log(str(error), logger="current", level=logging.WARNING)
        return None


def _record(
    options: Options, make: DepthMaker, frame: int, cam2world: NDArray[np.float64]
) -> Record:
    """What is known of one frame; writes its depth map and packed views."""
    image = options.layout.image(make.sequence, frame)
    _check_inside(options, image)
    if (size := read_size(image)) != make.size:
        raise ValueError(
            f"{image} has {size[0]}x{size[1]} pixels, expected {make.size[0]}x"
            f"{make.size[1]} (S_rect). Download it again."
        )
    stored = f"depth/{make.sequence}/{frame:010d}.png"
    path = options.out_dir / stored
    if path.is_file() and not options.overwrite:
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


def _check_inside(options: Options, image: Path) -> None:
    """Refuse an image that training would refuse: a link out of the declared folders.

    Raises:
        ValueError: If it lies outside.
    """
    root = options.layout.root
    name, roots = os.path.relpath(image, root), (root, *options.extra_roots)
    inside(root, name, f"{root}", roots)


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
    roots = (str(layout.root), *options.declared(options.out_dir))
    facts = Facts("integer", ".", KITTI_SCALE, made, extra_roots=roots)
    return FrameIndex.build(facts, frames, columns)


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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add, default = parser.add_argument, DepthOptions()
    add_folders(parser, "the cache, which training reads")
    add_run_options(parser)
    add("--splits", nargs="+", default=["train", "val"], help="official frame lists")
    add("--sequences", nargs="+", default=[], help="only these drives")
    add_available(parser)
    add("--camera", type=int, choices=(0, 1), default=0)
    text = "height and width of the network's images, for building ratios"
    add("--view", type=int, nargs=2, default=(168, 518), help=text)
    text = "sweeps before and after the image's own"
    add("--accumulate", type=int, default=default.accumulate, help=text)
    add("--depth-range", type=float, nargs=2, default=default.depth_range, help="m")
    packing = parser.add_mutually_exclusive_group()
    text = "heights of the views that are packed for fast loading; --view's by default"
    packing.add_argument("--pack", type=int, nargs="+", metavar="HEIGHT", help=text)
    text = "pack none: 0.5 MB less per frame, and slow loading"
    packing.add_argument("--no-pack", action="store_true", help=text)


def run(args: argparse.Namespace) -> None:
    """Make the cache of every split."""
    check_run(args)
    near, far = args.depth_range
    view = int(args.view[0]), int(args.view[1])
    heights = () if args.no_pack else args.pack or view[:1]
    chosen = {
        "layout": Kitti360Layout(args.root_path, args.camera),
        "view": view,
        "depth": DepthOptions(args.accumulate, (near, far)),
        "sequences": tuple(args.sequences),
        "pack": tuple((int(height), view[1]) for height in heights),
    }
    convert(from_args(Options, args, **chosen), args.splits)


def convert(options: Options, splits: list[str]) -> None:
    """Write depth maps, packed views, the report and ``<split>.npz``.

    Finished depth maps of an earlier run are kept if they were made with the same
    options, calibration and poses.

    Raises:
        FileNotFoundError: If files of the data are missing.
        ValueError: If the poses contradict the calibration, a sequence is unknown, too
            many frames are bad, or the cache was made with other options.
    """
    layout = options.layout
    frames = _frames(options, splits)
    calibration = read_calibration(layout.root / "calibration")
    for name in sorted({name for part in frames.values() for name in part}):
        path = layout.cam0_to_world(name)
        if path.is_file():
            check_chain(calibration, read_poses(layout.poses(name)), path)
        else:
            text = f"{path} is missing: the poses of {name} are not checked with it"
            print_log(text, logger="current", level=logging.WARNING)
    state, made = options.open(layout.root, _manifest(options))
    text = f"{made}{options.view}{options.pack}{RECORDS}"
    tag = hashlib.sha256(text.encode()).hexdigest()
    task = partial(run_chunk, options, state / tag[:12])
    records: dict[str, list[Record]] = {split: [] for split in frames}
    skipped: dict[str, str] = {}
    chunks: list[Chunk] = [
        (split, name, tuple(numbers[start : start + CHUNK]))
        for split, sequences in frames.items()
        for name, numbers in sequences.items()
        for start in range(0, len(numbers), CHUNK)
    ]
    mine = options.shard.of(chunks)
    done = run_parallel(task, mine, options.workers, __name__)
    for split, found, bad in track(done, len(mine), "kitti360 depth"):
        records[split] += found
        skipped |= bad
    if not options.shard.is_all:
        options.say_share(len(mine), len(chunks), f"pieces of {CHUNK} frames")
        return
    for found in records.values():
        found.sort(key=lambda record: (record["sequence"], record["frame"]))
    indexes = {
        s: frame_index(options, calibration, r, made) for s, r in records.items()
    }
    report = write_report(options, indexes, skipped)
    for split, part in frames.items():
        names = [f"{name}/{number}" for name, found in part.items() for number in found]
        bad = {name: skipped[name] for name in names if name in skipped}
        # In test drives the car may stand.
        if split == "test" and len(bad) < len(names):
            bad = {name: why for name, why in bad.items() if why != NO_POSE}
        place, allowed = f" All are in {report}.", options.max_skipped
        refuse_skipped("frames", bad, len(names), allowed, place)
    for split, index in indexes.items():
        index.save(options.out_dir / f"{split}.npz")
        write_overview(options.out_dir / "overview", split, index, options.out_dir)
    text = ", ".join(f"{s}: {len(r)} frames" for s, r in records.items())
    level = logging.WARNING if skipped else logging.INFO
    text += f"; skipped {len(skipped)} (see {report})"
    print_log(text, logger="current", level=level)


def _frames(options: Options, splits: Sequence[str]) -> dict[str, dict[str, list[int]]]:
    """Frames by split and sequence; ValueError for a sequence in none of the lists."""
    wanted = options.sequences
    if "test" in splits and not wanted:
        raise ValueError(
            "--splits test needs --sequences: there is no list of its frames. Name the "
            "drives, such as 2013_05_28_drive_0018_sync"
        )
    found = {}
    for split in splits:
        if split == "test":
            found[split] = {name: options.layout.recorded(name) for name in wanted}
            continue
        listed = options.layout.listed(split)
        named = [name for name in listed if not wanted or name in wanted]
        list_name, drives = f"the list of {split}", options.layout.sequences()
        there = on_disk(named, drives, list_name, options.available, "drives")
        if there or not named:
            found[split] = {name: listed[name] for name in there}
    for name in wanted:
        if not any(name in part for part in found.values()):
            known = {k for s in splits if s != "test" for k in options.layout.listed(s)}
            raise ValueError(
                f"--sequences {name!r} is not in the lists of {', '.join(splits)}, "
                f"which have {', '.join(sorted(known))}"
            )
    return found


def _manifest(options: Options) -> dict[str, Any]:
    """Everything that the depth maps depend on, in words or as a hash."""
    layout = options.layout
    files = matching(layout.root / "calibration", "*.txt")
    files += matching(layout.root / "data_poses", "*/poses.txt")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    return {
        "format": FORMAT,
        "--camera": layout.camera,
        "calibration and poses": digest[:16],
        **asdict(options.depth),
    }
