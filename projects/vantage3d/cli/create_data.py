"""``create-data``: raw data into the layout that training reads."""

import sys
from importlib import import_module
from typing import NamedTuple

from vantage3d.cli.arguments import command_parser
from vantage3d.process.command import one_message


class Converter(NamedTuple):
    """Where a converter lives: its module, below ``vantage3d``, and two functions.

    Attributes:
        module: Imported only when the converter is chosen.
        help: What it reads, one line.
        add: Name of the function that takes a parser and adds the options.
        run: Name of the function that takes the parsed arguments and converts.
    """

    module: str
    help: str
    add: str = "add_arguments"
    run: str = "run"


CONVERTERS = {
    "scannet200_sv": Converter(
        "esam.converters.scannet", "ScanNet frames, 200 classes", "add_200_classes"
    ),
    "scannet_sv": Converter(
        "esam.converters.scannet", "ScanNet frames, 20 classes", "add_20_classes"
    ),
    "rgbd_folder": Converter(
        "esam.converters.rgbd_folder", "your own colour, depth and poses"
    ),
    "apc_shelf": Converter(
        "esam.converters.apc_shelf",
        "shelf sample of apc-vision-toolbox, to an rgbd_folder",
    ),
    "kitti360": Converter(
        "converters.kitti360.convert",
        "KITTI-360: frame index, building ratios, LiDAR depth maps",
    ),
    "kitti360_frames": Converter(
        "converters.kitti360.single_frames",
        "single KITTI-360 frames with their sweeps, without poses, to a test split",
    ),
    "stereo_motorcycle": Converter(
        "converters.stereo_pair",
        "the stereo pair that scikit-image ships, to a test split",
    ),
    "co3d": Converter(
        "converters.annotations",
        "Co3D with VGGT's annotations, to a frame index",
        "add_co3d_arguments",
        "run_co3d",
    ),
    "vkitti": Converter("converters.vkitti2", "Virtual KITTI 2, to a frame index"),
    "eth3d": Converter(
        "converters.eth3d",
        "ETH3D high-resolution views: images, depth, points at training size",
    ),
    "annotations": Converter(
        "converters.annotations", "any data with .jgz annotations, to a frame index"
    ),
    "scannet_views": Converter(
        "converters.scannet_views", "ScanNet export, to a frame index of views"
    ),
    "scannet_frames": Converter(
        "converters.scannet_frames", "ScanNet export, to a frame index for DELTAS"
    ),
    "sun3d": Converter(
        "converters.sun3d", "SUN3D sequences, to a frame index for DELTAS"
    ),
    "sevenscenes_frames": Converter(
        "converters.sevenscenes", "7-Scenes recordings, to a frame index for DELTAS"
    ),
    "rgbd_frames": Converter(
        "converters.rgbd_folder",
        "your own colour, depth and poses, to a frame index for DELTAS",
    ),
    "densify": Converter(
        "converters.densify_colmap",
        "depth predictions fitted to the points of a COLMAP model",
    ),
}


def create_data(argv: list[str] | None = None) -> None:
    """Convert raw data into the layout that training reads (data/README.md).

    Example:
        python tools/create_data.py DATASET --root-path RAW --out-dir OUT [options]
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = command_parser(create_data.__doc__ or "")
    commands = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    for name, converter in CONVERTERS.items():
        command = commands.add_parser(name, help=converter.help)
        if name in argv[:1]:  # the imports of the others take seconds
            module = import_module(f"vantage3d.{converter.module}")
            getattr(module, converter.add)(command)
            command.set_defaults(run=getattr(module, converter.run))
    args = parser.parse_args(argv)
    with one_message("stopped; the same command goes on from here"):
        args.run(args)
