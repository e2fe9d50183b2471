"""``study-deltas`` and ``export-deltas``."""

from pathlib import Path

from vantage3d.cli.arguments import (
    add_cfg_options,
    add_config,
    add_data_root,
    command_parser,
)
from vantage3d.process.command import image_size, one_message


def study_deltas(argv: list[str] | None = None) -> None:
    """Studies of DELTAS: a table and a plot of what one setting changes.

    Example:
        python tools/study_deltas.py seq_gap configs/deltas/deltas_scannet.py \\
            work_dirs/deltas_scannet --out work_dirs/studies

    STUDY is one of seq_gap, depth_range, resolution, seq_length, weights, classical.
    """
    from vantage3d.deltas.evaluation.studies import (
        CLASSICAL,
        SEQUENCES,
        STUDIES,
        Settings,
    )

    parser = command_parser(study_deltas.__doc__ or "")
    add = parser.add_argument
    add("study", choices=[*STUDIES, CLASSICAL], metavar="STUDY")
    add_config(parser)
    add("checkpoint", type=Path, help=".pth or .safetensors, or a work dir")
    add("--out", type=Path, required=True, help="folder of the report")
    add_data_root(parser)
    add("--gaps", nargs="+", type=int, default=[1, 5, 10, 20])
    add("--wide", nargs=2, type=float, default=[0.1, 20.0], help="metres")
    add("--sizes", nargs="+", type=image_size, default=[(320, 240), (640, 480)])
    add(
        "--sequences", nargs="+", type=_sequence, default=SEQUENCES, metavar="VIEWS:GAP"
    )
    add("--weights", nargs="+", default=[], metavar="NAME=FILE")
    add("--legacy", nargs="+", default=[], help="names with the released numerics")
    add_cfg_options(parser, "for all rows")
    args = parser.parse_args(argv)
    from vantage3d.deltas.evaluation.study_run import Source, run_study

    named = (text.partition("=") for text in args.weights)
    settings = Settings(
        gaps=args.gaps,
        wide=tuple(args.wide),
        sizes=[(height, width) for width, height in args.sizes],
        sequences=args.sequences,
        weights={name: Path(file) for name, _, file in named},
        legacy=args.legacy,
    )
    source = Source(
        args.config, args.checkpoint, args.out, args.data_root, args.cfg_options
    )
    with one_message("stopped; nothing was written"):
        print(run_study(args.study, source, settings))


def _sequence(text: str) -> tuple[int, int]:
    """``5:12`` as (5, 12)."""
    views, _, gap = text.partition(":")
    return int(views), int(gap)


def export_deltas(argv: list[str] | None = None) -> None:
    """Write a trained DELTAS as the released code reads it.

    The file holds three state dicts. Configs load both kinds of file, so the way back
    needs no tool.
    """
    parser = command_parser(export_deltas.__doc__ or "")
    parser.add_argument("checkpoint", type=Path, help="of a DELTAS run")
    parser.add_argument("out", type=Path, help="usually .pth.tar")
    args = parser.parse_args(argv)
    from vantage3d.deltas.models import save_three
    from vantage3d.engine.checkpoints.file import read_checkpoint

    with one_message("stopped; nothing was written"):
        save_three(read_checkpoint(args.checkpoint)["state_dict"], args.out)
