"""Studies of DELTAS: a table and a plot of what one setting changes.

Example:
    python tools/study_deltas.py seq_gap configs/deltas/deltas_scannet.py \
        work_dirs/deltas_scannet --out work_dirs/studies

STUDY is one of seq_gap, depth_range, resolution, seq_length, weights, classical.
"""

import argparse
from pathlib import Path

from mmengine.config import DictAction

from vantage3d.deltas.evaluation.studies import SEQUENCES, STUDIES, Settings
from vantage3d.deltas.evaluation.study_run import Source
from vantage3d.deltas.evaluation.study_tool import CLASSICAL, run_study
from vantage3d.process.command import one_message


def main(argv: list[str] | None = None) -> None:
    """Parse the arguments and run one study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("study", choices=[*STUDIES, CLASSICAL], metavar="STUDY")
    add("config")
    add("checkpoint", type=Path, help=".pth or .safetensors, or a work dir")
    add("--out", type=Path, required=True, help="folder of the report")
    add("--data-root", help="prepared data, instead of the config's")
    add("--gaps", nargs="+", type=int, default=[1, 5, 10, 20])
    add("--wide", nargs=2, type=float, default=[0.1, 20.0], help="metres")
    add("--sizes", nargs="+", type=size, default=[(240, 320), (480, 640)])
    add("--sequences", nargs="+", type=sequence, default=SEQUENCES, metavar="VIEWS:GAP")
    add("--weights", nargs="+", type=named, default=[], metavar="NAME=FILE")
    add("--legacy", nargs="+", default=[], help="names with the released numerics")
    add("--cfg-options", nargs="+", action=DictAction, default={}, help="for all rows")
    args = parser.parse_args(argv)
    settings = Settings(
        gaps=args.gaps,
        wide=tuple(args.wide),
        sizes=args.sizes,
        sequences=args.sequences,
        weights=dict(args.weights),
        legacy=args.legacy,
    )
    source = Source(
        args.config, args.checkpoint, args.out, args.data_root, args.cfg_options
    )
    with one_message("stopped; nothing was written"):
        print(run_study(args.study, source, settings))


def size(text: str) -> tuple[int, int]:
    """``320x240`` as (240, 320)."""
    width, _, height = text.partition("x")
    return int(height), int(width)


def sequence(text: str) -> tuple[int, int]:
    """``5:12`` as (5, 12)."""
    views, _, gap = text.partition(":")
    return int(views), int(gap)


def named(text: str) -> tuple[str, Path]:
    """``official=FILE`` as ("official", FILE)."""
    name, _, file = text.partition("=")
    return name, Path(file)


if __name__ == "__main__":
    main()
