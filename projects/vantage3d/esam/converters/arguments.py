"""Command line options that several converters share."""

import argparse
from pathlib import Path

from vantage3d.esam.converters.convert import ConvertOptions
from vantage3d.esam.converters.pack_clip import ON_MISSING, ClipOptions
from vantage3d.esam.converters.segmenters import SEGMENTERS, SegmenterOptions
from vantage3d.io.features import FORMS


def add_folders(parser: argparse.ArgumentParser) -> None:
    """``--root-path`` and ``--out-dir``."""
    parser.add_argument("--root-path", type=Path, required=True, help="the raw data")
    parser.add_argument("--out-dir", type=Path, required=True, help="the dataset")


def add_sample_options(parser: argparse.ArgumentParser, tag: str) -> None:
    """Options of converters that write samples."""
    add = parser.add_argument
    add("--extra-tag", default=tag, help="start of the info files' names")
    add("--workers", type=int, default=1, help="processes")
    add("--seed", type=int, default=0, help="of the point sampling")
    add("--num-points", type=int, default=20000, help="points per sample")
    add("--max-skipped", type=float, default=0.05, help="share of bad frames allowed")
    add("--overwrite", action="store_true", help="make finished samples again")
    group = parser.add_argument_group("superpoints")
    add = group.add_argument
    defaults = SegmenterOptions()
    add("--segmenter", choices=sorted(SEGMENTERS), default=defaults.name)
    add("--graph-scale", type=float, default=defaults.scale, help="larger, fewer")
    add("--graph-min-size", type=float, default=defaults.min_size, help="of the image")
    add("--geometry-cell", type=float, default=defaults.cell, help="of the width")
    add("--mask-dir", type=Path, help="of --segmenter masks: <scene>_<frame>.png")
    add("--weights", type=Path, help="of --segmenter sam and fastsam")
    add("--device", default=defaults.device, help="of --segmenter sam and fastsam")

    _add_clip_options(parser)


def _add_clip_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("image features")
    add = group.add_argument
    add(
        "--pack-clip",
        action="store_true",
        help="also write <info file>_clip.json, which names the feature file of each "
        "frame (tools/extract_*.py)",
    )
    add("--feature-root", type=Path, help="<scene>/<frame>.pt; OUT/clip_feat if absent")
    add("--feature-form", choices=FORMS, help="suffix of the files; pt if absent")
    add("--on-missing", choices=ON_MISSING, help="frames without file; error if absent")
    add("--clip-suffix", help="behind the info files' names; _clip if absent")


def _clip_options(args: argparse.Namespace) -> ClipOptions | None:
    names = ("feature_root", "feature_form", "on_missing", "clip_suffix")
    given = {name: v for name in names if (v := getattr(args, name)) is not None}
    if args.pack_clip:
        return ClipOptions(**given)
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        raise ValueError(f"{option} {value} does nothing without --pack-clip")
    return None


def convert_options(args: argparse.Namespace) -> ConvertOptions:
    """What :func:`add_folders` and :func:`add_sample_options` were given."""
    for name, value in (("workers", args.workers), ("num-points", args.num_points)):
        if value < 1:
            raise ValueError(f"--{name} must be at least 1, got {value}")
    if not 0 <= args.max_skipped <= 1:
        raise ValueError(
            f"--max-skipped is a share between 0 and 1, got {args.max_skipped}"
        )
    return ConvertOptions(
        out_dir=args.out_dir,
        tag=args.extra_tag,
        workers=args.workers,
        seed=args.seed,
        num_points=args.num_points,
        max_skipped=args.max_skipped,
        overwrite=args.overwrite,
        segmenter=SegmenterOptions(
            name=args.segmenter,
            scale=args.graph_scale,
            min_size=args.graph_min_size,
            cell=args.geometry_cell,
            mask_dir=args.mask_dir,
            weights=args.weights,
            device=args.device,
        ),
        clip=_clip_options(args),
    )


def check_root(root: Path) -> None:
    """Raise a FileNotFoundError when the raw data is not there."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"--root-path {root} is missing. data/README.md says what to download and "
            "where to put it"
        )
