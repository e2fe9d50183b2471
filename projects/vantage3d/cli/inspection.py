"""What is looked at beside a run: its config, its samples, its log."""

import argparse
from pathlib import Path

from vantage3d.cli.arguments import (
    add_cfg_options,
    add_config,
    add_data_root,
    command_parser,
)
from vantage3d.process.command import one_message


def print_config(argv: list[str] | None = None) -> None:
    """Print a config as a run sees it: bases merged, options applied, keys checked.

    Example:
        python tools/misc/print_config.py configs/ESAM_CA/ESAM_sv_synthetic_CA.py \\
            --cfg-options train_cfg.max_epochs=3
    """
    parser = command_parser(print_config.__doc__ or "")
    add_config(parser)
    add_cfg_options(parser)
    args = parser.parse_args(argv)
    from vantage3d.engine import load_config

    with one_message("stopped"):
        print(load_config(args.config, args.cfg_options).pretty_text)


def browse_dataset(argv: list[str] | None = None) -> None:
    """Draw samples of a config's dataset as training gets them, augmentation included.

    Example:
        python tools/misc/browse_dataset.py configs/ESAM_CA/ESAM_sv_synthetic_CA.py \\
            --data-root data/synthetic --output-dir work_dirs/browse --samples 8

    Frames with labels: points from above by colour, instance and superpoint. Views:
    images above their depth.
    """
    parser = command_parser(browse_dataset.__doc__ or "")
    add_config(parser)
    add = parser.add_argument
    add("--split", choices=["train", "val", "test"], default="train")
    add("--samples", type=int, default=4, help="evenly spaced; default: 4")
    add("--output-dir", type=Path, help="default: work_dirs/browse/<config name>")
    _add_show(parser)
    add_data_root(parser)
    add_cfg_options(parser)
    args = parser.parse_args(argv)
    from vantage3d.engine import load_config, set_data_root
    from vantage3d.visualization import samples, window

    with one_message("stopped"):
        window.check_display(args.show, args.wait_time, "--output-dir")
        cfg = load_config(args.config, args.cfg_options)
        set_data_root(cfg, args.data_root)
        folder = args.output_dir or Path("work_dirs/browse") / Path(args.config).stem
        for path in samples.draw_samples(cfg, args.split, args.samples, folder):
            print(path)
        if args.show:
            window.show_pictures(folder, args.wait_time)


def analyze_logs(argv: list[str] | None = None) -> None:
    """Curves of one or several runs' logs, and the time of their iterations.

    Example:
        python tools/analysis_tools/analyze_logs.py work_dirs/a work_dirs/b \\
            --keys loss all_ap_50% --out work_dirs/curves.png

    A run is its work dir, all of whose resumed parts are joined, or a scalars.json.
    """
    parser = command_parser(analyze_logs.__doc__ or "")
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN")
    add("--keys", nargs="+", default=["loss"], help="default: loss")
    add("--legend", nargs="+", help="names of the runs; default: their folders'")
    add("--out", type=Path, help="picture; without it the numbers alone are printed")
    args = parser.parse_args(argv)
    from vantage3d.visualization import curves

    with one_message("stopped"):
        names = args.legend or [str(run) for run in args.runs]
        if len(names) != len(args.runs):
            raise ValueError(
                f"--legend must name the {len(args.runs)} runs, got {args.legend}"
            )
        logs = {name: curves.read_log(run) for name, run in zip(names, args.runs)}
        print(curves.summary(logs, args.keys))
        if args.out is not None:
            curves.draw(logs, args.keys, args.out)
            print(args.out)


def _add_show(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--show", action="store_true", help="also show the pictures in windows")
    text = "seconds that each window stays; default: until it is closed"
    add("--wait-time", type=float, metavar="S", help=text)
