"""``tools/create_data.py scannet_frames``: an index of ScanNet for DELTAS."""

import argparse
from pathlib import Path

from vantage3d.converters.index.build import build_index
from vantage3d.converters.index.source import index_options
from vantage3d.converters.scannet import SPLITS, ScanNetSource, add_scannet_arguments
from vantage3d.converters.sens_export import export_recordings, find_recordings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_scannet_arguments(parser)
    add = parser.add_argument
    for split in SPLITS:
        text = f"scenes of {split}, one per line, instead of meta_data"
        add(f"--{split}-list", type=Path, metavar="FILE", help=text)
    text = "takes frames whose number is a multiple; `seq_gap` still counts all frames"
    add("--frame-step", type=int, default=1, help=text)


def run(args: argparse.Namespace) -> None:
    """Index exported scenes, or ``.sens`` files after exporting them to --out-dir.

    Raises:
        ValueError: If options contradict each other, a list names official test scenes
            for training, or too much is damaged.
    """
    options = index_options(args, "scannet_frames")
    if args.frame_step < 1:
        raise ValueError(f"--frame-step must be above 0, got {args.frame_step}")
    lists = {s: getattr(args, f"{s}_list") for s in SPLITS}
    lists = {split: path for split, path in lists.items() if path is not None}
    if lists and args.val_scenes:
        raise ValueError(
            f"--val-scenes and --{next(iter(lists))}-list exclude each other; name the "
            "scenes of all splits in lists, or the held-out ones with --val-scenes"
        )
    root, recordings = args.root_path, find_recordings(args.root_path)
    if recordings:
        # The scenes lie elsewhere, the lists where they were.
        lists = lists or released_lists(root)
        root = args.out_dir / "scans"
        export_recordings(
            recordings, root, args.frame_step, options.workers, options.max_skipped
        )
    source = ScanNetSource(root, tuple(args.val_scenes), lists, args.frame_step)
    build_index(source, options)


def released_lists(root: Path) -> dict[str, Path]:
    """ScanNet's own lists of scenes, where they are there."""
    paths = {split: root / "meta_data" / f"scannetv2_{split}.txt" for split in SPLITS}
    return {split: path for split, path in paths.items() if path.is_file()}
