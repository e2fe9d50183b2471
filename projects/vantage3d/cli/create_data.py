"""``create-data``: raw data into the layout that training reads."""

import sys
from importlib import import_module

from vantage3d.cli.arguments import command_parser
from vantage3d.process.command import one_message

# name -> module below ``vantage3d`` with add_arguments(parser) and run(args), imported
# only when it is chosen; and what it reads and writes
CONVERTERS = {
    "scannet": (
        "converters.scannet",
        "ScanNet export or .sens files, to a frame index",
    ),
    "sun3d": ("converters.sun3d", "SUN3D sequences, to a frame index"),
    "sevenscenes": ("converters.sevenscenes", "7-Scenes recordings, to a frame index"),
    "rgbd": (
        "converters.rgbd_folder",
        "your own colour, depth and poses, to a frame index",
    ),
    "annotations": (
        "converters.annotations",
        "any data with .jgz annotations, to a frame index",
    ),
    "co3d": ("converters.co3d", "Co3D with VGGT's annotations, to a frame index"),
    "vkitti": ("converters.vkitti2", "Virtual KITTI 2, to a frame index"),
    "eth3d": (
        "converters.eth3d",
        "ETH3D high-resolution views: images, depth, points at training size, index",
    ),
    "densify": (
        "converters.densify",
        "depth predictions fitted to the points of a COLMAP model",
    ),
    "kitti360": (
        "converters.kitti360.convert",
        "KITTI-360: frame index, building ratios, LiDAR depth maps",
    ),
    "kitti360_single": (
        "converters.kitti360.single_frames",
        "single KITTI-360 frames with their sweeps, without poses, to a test split",
    ),
    "stereo_motorcycle": (
        "converters.stereo_pair",
        "the stereo pair that scikit-image ships, to a test split",
    ),
    "apc_shelf": (
        "converters.apc_shelf",
        "shelf sample of apc-vision-toolbox, to a folder for rgbd and rgbd_sv",
    ),
    "scannet200_sv": (
        "esam.converters.scannet",
        "ScanNet frames with labels of 200 classes, to samples",
    ),
    "scannet_sv": (
        "esam.converters.scannet",
        "ScanNet frames with labels of 20 classes, to samples",
    ),
    "rgbd_sv": (
        "esam.converters.rgbd_folder",
        "your own colour, depth, poses and labels, to samples",
    ),
}
# Names of the last release, which go with the next one.
ALIASES = {
    "scannet_views": "scannet",
    "scannet_frames": "scannet",
    "sevenscenes_frames": "sevenscenes",
    "rgbd_frames": "rgbd",
    "rgbd_folder": "rgbd_sv",
    "kitti360_frames": "kitti360_single",
}


def create_data(argv: list[str] | None = None) -> None:
    """Convert raw data into the layout that training reads (data/README.md).

    Example:
        python tools/create_data.py DATASET --root-path RAW --out-dir OUT [options]
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv and (new := ALIASES.get(argv[0])):
        sys.stderr.write(
            f"warning: `{argv[0]}` is now called `{new}`; the old name goes with the "
            "next release\n"
        )
        argv[0] = new
    parser = command_parser(create_data.__doc__ or "")
    commands = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    for name, (module, text) in CONVERTERS.items():
        command = commands.add_parser(name, help=text)
        if name in argv[:1]:  # the imports of the others take seconds
            converter = import_module(f"vantage3d.{module}")
            converter.add_arguments(command)
            command.set_defaults(run=converter.run)
    args = parser.parse_args(argv)
    with one_message("stopped; the same command goes on from here"):
        args.run(args)
