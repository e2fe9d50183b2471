"""Convert raw data into the layout that training reads (data/README.md).

    python tools/create_data.py DATASET --root-path RAW --out-dir OUT [options]

A converter is a row of the table below: how to add its options and how to run it.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from projects.common.command import one_message
from projects.esam.converters import apc_shelf, rgbd_folder, scannet
from projects.vggt_lora.converters import densify_colmap


class Converter(NamedTuple):
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


def _scannet(dataset: str, label_column: str, text: str) -> Converter:
    return Converter(
        text,
        partial(scannet.add_arguments, dataset=dataset),
        partial(scannet.run, dataset=dataset, label_column=label_column),
    )


CONVERTERS = {
    "scannet200_sv": _scannet("scannet200_sv", "id", "ScanNet frames, 200 classes"),
    "scannet_sv": _scannet("scannet_sv", "nyu40id", "ScanNet frames, 20 classes"),
    "rgbd_folder": Converter(
        "your own colour, depth and poses", rgbd_folder.add_arguments, rgbd_folder.run
    ),
    "apc_shelf": Converter(
        "shelf sample of apc-vision-toolbox, to an rgbd_folder",
        apc_shelf.add_arguments,
        apc_shelf.run,
    ),
    "densify": Converter(
        "depth predictions fitted to the points of a COLMAP model",
        densify_colmap.add_arguments,
        densify_colmap.run,
    ),
}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    for name, converter in CONVERTERS.items():
        converter.add_arguments(commands.add_parser(name, help=converter.help))
    args = parser.parse_args(argv)
    with one_message("stopped; the same command goes on from here"):
        CONVERTERS[args.dataset].run(args)


if __name__ == "__main__":
    main()
