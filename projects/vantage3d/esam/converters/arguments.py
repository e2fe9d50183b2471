"""Command line options of the converters that write labelled samples."""

import argparse
from pathlib import Path

from vantage3d.converters.arguments import add_folders, add_run_options, check_run
from vantage3d.esam.converters.convert import ConvertOptions
from vantage3d.esam.converters.pack_clip import ON_MISSING, ClipOptions
from vantage3d.esam.converters.segmenters import SEGMENTERS, SegmenterOptions
from vantage3d.io.features import FORMS


def add_sample_options(parser: argparse.ArgumentParser) -> None:
    """Options of converters that write samples."""
    add_folders(parser)
    add_run_options(parser)
    add = parser.add_argument
    add("--extra-tag", help="start of the info files' names; the dataset's by default")
    add("--seed", type=int, default=0, help="of the point sampling")
    add("--num-points", type=int, default=20000, help="points per sample")

    add = parser.add_argument_group("superpoints").add_argument
    defaults = SegmenterOptions()
    add("--segmenter", choices=sorted(SEGMENTERS), default=defaults.name)
    add("--graph-scale", type=float, default=defaults.scale, help="larger, fewer")
    add("--graph-min-size", type=float, default=defaults.min_size, help="of the image")
    add("--geometry-cell", type=float, default=defaults.cell, help="of the width")
    add("--mask-dir", type=Path, help="of --segmenter masks: <scene>_<frame>.png")
    add("--weights", type=Path, help="of --segmenter sam and fastsam")
    add("--device", default=defaults.device, help="of --segmenter sam and fastsam")

    add = parser.add_argument_group("image features").add_argument
    text = "also write <info file>_clip.json, which names the feature file of each "
    add("--pack-clip", action="store_true", help=text + "frame (tools/extract_*.py)")
    add("--feature-root", type=Path, help="<scene>/<frame>.pt; OUT/clip_feat if absent")
    add("--feature-form", choices=FORMS, help="suffix of the files; pt if absent")
    add("--on-missing", choices=ON_MISSING, help="frames without file; error if absent")
    add("--clip-suffix", help="behind the info files' names; _clip if absent")


def convert_options(
    args: argparse.Namespace, dataset: str, *counts: str
) -> ConvertOptions:
    """What :func:`add_sample_options` was given.

    Args:
        args: The command line.
        dataset: Start of the info files' names where ``--extra-tag`` says nothing.
        counts: Other options that must be at least 1.

    Raises:
        FileNotFoundError: If ``--root-path`` is no folder.
        ValueError: If a number is out of range, or an option has no effect.
    """
    check_run(args, "num_points", *counts)
    segmenter = SegmenterOptions(
        name=args.segmenter,
        scale=args.graph_scale,
        min_size=args.graph_min_size,
        cell=args.geometry_cell,
        mask_dir=args.mask_dir,
        weights=args.weights,
        device=args.device,
    )
    names = ("feature_root", "feature_form", "on_missing", "clip_suffix")
    given = {name: v for name in names if (v := getattr(args, name)) is not None}
    if given and not args.pack_clip:
        name, value = next(iter(given.items()))
        option = f"--{name.replace('_', '-')}"
        raise ValueError(f"{option} {value} does nothing without --pack-clip")
    return ConvertOptions(
        out_dir=args.out_dir,
        tag=args.extra_tag or dataset,
        workers=args.workers,
        seed=args.seed,
        num_points=args.num_points,
        max_skipped=args.max_skipped,
        overwrite=args.overwrite,
        segmenter=segmenter,
        clip=ClipOptions(**given) if args.pack_clip else None,
    )
