"""``tools/create_data.py kitti360``: frame index, building ratios, depth maps."""

import argparse
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from vantage3d.converters.index.overview import write_overview
from vantage3d.converters.index.report import refuse_skipped
from vantage3d.converters.kitti360.calibration import (
    Calibration,
    check_chain,
    read_calibration,
    read_poses,
)
from vantage3d.converters.kitti360.depth import DepthOptions
from vantage3d.converters.kitti360.frames import (
    NO_POSE,
    Chunk,
    Options,
    Record,
    frame_index,
    run_chunk,
    write_report,
)
from vantage3d.converters.kitti360.layout import Kitti360Layout
from vantage3d.converters.runs import add_folders, add_run_options, check_run
from vantage3d.io.manifest import open_manifest
from vantage3d.process.parallel import run_parallel
from vantage3d.process.progress import track

FORMAT = 1  # Raise it when the bytes of depth maps change for the same options.
RECORDS = 2  # Raise it when what is known of a frame changes.
CHUNK = 32  # Frames of one sequence that one process takes at a time.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add, default = parser.add_argument, DepthOptions()
    add_folders(parser, "the cache, which training reads")
    add_run_options(parser)
    add("--splits", nargs="+", default=["train", "val"], help="official frame lists")
    add("--sequences", nargs="+", default=[], help="only these drives")
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
    depth = DepthOptions(args.accumulate, (near, far))
    view = int(args.view[0]), int(args.view[1])
    layout = Kitti360Layout(args.root_path, args.camera)
    sequences = tuple(args.sequences)
    heights = () if args.no_pack else args.pack or view[:1]
    pack = tuple((int(height), view[1]) for height in heights)
    options = Options(layout, args.out_dir, view, depth, sequences, pack)
    convert(options, args.splits, args.workers, args.overwrite, args.max_skipped)


def convert(
    options: Options,
    splits: list[str],
    workers: int = 1,
    overwrite: bool = False,
    max_skipped: float = 0.05,
) -> None:
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
    sequences = {name for part in frames.values() for name in part}
    _check_chains(layout, calibration, sequences)
    state = options.out_dir / ".create_data/kitti360"
    made = open_manifest(state, _manifest(options), overwrite)
    text = f"{made}{options.view}{options.pack}{RECORDS}"
    tag = hashlib.sha256(text.encode()).hexdigest()
    task = partial(run_chunk, options, state / tag[:12], overwrite)
    records: dict[str, list[Record]] = {split: [] for split in splits}
    skipped: dict[str, str] = {}
    chunks: list[Chunk] = [
        (split, name, tuple(numbers[start : start + CHUNK]))
        for split, sequences in frames.items()
        for name, numbers in sequences.items()
        for start in range(0, len(numbers), CHUNK)
    ]
    done = run_parallel(task, chunks, workers, __name__)
    for split, found, bad in track(done, len(chunks), "kitti360 depth"):
        records[split] += found
        skipped |= bad
    for found in records.values():
        found.sort(key=lambda record: (record["sequence"], record["frame"]))
    indexes = {
        s: frame_index(options, calibration, r, made) for s, r in records.items()
    }
    report = write_report(options, indexes, skipped)
    for split in splits:
        _check_skipped(frames[split], skipped, split, max_skipped, report)
    for split, index in indexes.items():
        index.save(options.out_dir / f"{split}.npz")
        write_overview(options.out_dir / "overview", split, index, options.out_dir)
    text = ", ".join(f"{s}: {len(r)} frames" for s, r in records.items())
    level = logging.WARNING if skipped else logging.INFO
    text += f"; skipped {len(skipped)} (see {report})"
    print_log(text, logger="current", level=level)


def _frames(options: Options, splits: Sequence[str]) -> dict[str, dict[str, list[int]]]:
    """Frames by split and sequence.

    Raises:
        ValueError: If a wanted sequence is in none of the lists.
    """
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
        found[split] = {k: v for k, v in listed.items() if not wanted or k in wanted}
    for name in wanted:
        if not any(name in part for part in found.values()):
            known = {k for s in splits if s != "test" for k in options.layout.listed(s)}
            raise ValueError(
                f"--sequences {name!r} is not in the lists of {', '.join(splits)}, "
                f"which have {', '.join(sorted(known))}"
            )
    return found


def _check_chains(
    layout: Kitti360Layout, calibration: Calibration, sequences: set[str]
) -> None:
    """Compare every drive's poses with those of its left camera."""
    for name in sorted(sequences):
        path = layout.cam0_to_world(name)
        if path.is_file():
            check_chain(calibration, read_poses(layout.poses(name)), path)
        else:
            text = f"{path} is missing: the poses of {name} are not checked with it"
            print_log(text, logger="current", level=logging.WARNING)


def _check_skipped(
    frames: dict[str, list[int]],
    skipped: dict[str, str],
    split: str,
    allowed: float,
    report: Path,
) -> None:
    """Refuse a split with too many bad frames; in test drives the car may stand."""
    names = [f"{name}/{number}" for name, part in frames.items() for number in part]
    bad = {name: skipped[name] for name in names if name in skipped}
    if split == "test" and len(bad) < len(names):
        bad = {name: why for name, why in bad.items() if why != NO_POSE}
    refuse_skipped("frames", bad, len(names), allowed, f" All are in {report}.")


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
