"""Render scenes and write them in the on-disk layout of a dataset.

Example:
    python tools/make_synthetic.py scannet --out data/synthetic --train-rooms 24 \
        --val-rooms 8 --frames 10 --frame-step 200 --size 320x240 --seed 0 --workers 2
    python tools/make_synthetic.py kitti360 --out data/street --train-drives 4 \
        --val-drives 2 --frames 40 --size 704x188 --style suburb --workers 2
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from vantage3d.process.command import one_message
from vantage3d.synthetic import LAYOUTS, STYLES, THEMES, write_dataset
from vantage3d.synthetic.layouts.kitti360 import DriveOptions, write_kitti360
from vantage3d.synthetic.layouts.virtual_kitti import write_virtual_kitti


class Writer(NamedTuple):
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], object]


def add_rooms(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--train-rooms", type=int, default=24)
    add("--val-rooms", type=int, default=8)
    add("--frames", type=int, default=10, help="frames per room")
    text = "raw frames between two frames; 200 gives every frame its own view"
    add("--frame-step", type=int, default=20, help=text)
    add("--size", type=image_size, default=(640, 480), help="WxH")
    text = "flush: instances in one plane, told apart by texture"
    add("--theme", choices=list(THEMES), default="home", help=text)


def run_rooms(args: argparse.Namespace, layout: str) -> None:
    write_dataset(
        layout,
        args.out,
        args.train_rooms,
        args.val_rooms,
        [number * args.frame_step for number in range(args.frames)],
        args.size,
        args.seed,
        args.workers,
        args.theme,
    )


def add_street(parser: argparse.ArgumentParser) -> None:
    add, default = parser.add_argument, DriveOptions()
    add("--frames", type=int, default=default.frames, help="per drive, 0.8 m apart")
    add("--size", type=image_size, default=default.size, help="WxH")
    add("--style", choices=list(STYLES), default=default.style, help="of the district")
    add("--cameras", type=int, nargs="+", default=[0], help="0 left, 1 right")


def add_drives(parser: argparse.ArgumentParser) -> None:
    add_street(parser)
    add = parser.add_argument
    add("--train-drives", type=int, default=4)
    add("--val-drives", type=int, default=2)
    add(
        "--columns",
        type=int,
        default=DriveOptions().columns,
        help="of a sweep, per turn",
    )
    text = "take sweeps from a standing car, where motion needs no compensation"
    add("--no-ego-motion", action="store_true", help=text)


def run_drives(args: argparse.Namespace) -> None:
    options = DriveOptions(
        frames=args.frames,
        size=args.size,
        style=args.style,
        columns=args.columns,
        cameras=tuple(args.cameras),
        ego_motion=not args.no_ego_motion,
        seed=args.seed,
    )
    write_kitti360(args.out, args.train_drives, args.val_drives, options, args.workers)


def add_scenes(parser: argparse.ArgumentParser) -> None:
    add_street(parser)
    parser.add_argument("--scenes", type=int, default=2, help="1 to 5")


def run_scenes(args: argparse.Namespace) -> None:
    options = DriveOptions(
        frames=args.frames,
        size=args.size,
        style=args.style,
        cameras=tuple(args.cameras),
        seed=args.seed,
    )
    write_virtual_kitti(args.out, args.scenes, options, args.workers)


WRITERS = {
    layout: Writer("rooms", add_rooms, partial(run_rooms, layout=layout))
    for layout in LAYOUTS
} | {
    "kitti360": Writer("street drives", add_drives, run_drives),
    "virtual_kitti": Writer("street drives", add_scenes, run_scenes),
}


def main(argv: list[str] | None = None) -> None:
    """Parse the arguments and write one dataset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="layout", required=True, metavar="LAYOUT")
    for name, writer in WRITERS.items():
        command = commands.add_parser(name, help=writer.help)
        command.add_argument("--out", required=True, help="output folder")
        writer.add_arguments(command)
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--workers", type=int, default=1, help="processes")
    args = parser.parse_args(argv)
    with one_message("stopped; the same command goes on with what lacks"):
        WRITERS[args.layout].run(args)


def image_size(text: str) -> tuple[int, int]:
    """``320x240`` as (320, 240)."""
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"must look like 640x480, got {text!r}")
    return int(width), int(height)


if __name__ == "__main__":
    main()
