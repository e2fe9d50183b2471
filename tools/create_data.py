"""Convert raw data into the layout that training reads (data/README.md).

    python tools/create_data.py DATASET --root-path RAW --out-dir OUT [options]

A converter is a row of the table below: how to add its options and how to run it.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from vantage3d.converters import (
    annotations,
    densify_colmap,
    eth3d,
    scannet_frames,
    scannet_views,
    sevenscenes,
    stereo_pair,
    sun3d,
    vkitti2,
)
from vantage3d.converters import (
    rgbd_folder as rgbd_frames,
)
from vantage3d.converters.kitti360 import (
    convert as kitti360,
)
from vantage3d.converters.kitti360 import (
    single_frames as kitti360_single_frames,
)
from vantage3d.esam.converters import apc_shelf, rgbd_folder, scannet
from vantage3d.process.command import one_message


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
    "kitti360": Converter(
        "KITTI-360: frame index, building ratios, LiDAR depth maps",
        kitti360.add_arguments,
        kitti360.run,
    ),
    "kitti360_frames": Converter(
        "single KITTI-360 frames with their sweeps, without poses, to a test split",
        kitti360_single_frames.add_arguments,
        kitti360_single_frames.run,
    ),
    "stereo_motorcycle": Converter(
        "the stereo pair that scikit-image ships, to a test split",
        stereo_pair.add_arguments,
        stereo_pair.run,
    ),
    "co3d": Converter(
        "Co3D with VGGT's annotations, to a frame index",
        annotations.add_co3d_arguments,
        annotations.run_co3d,
    ),
    "vkitti": Converter(
        "Virtual KITTI 2, to a frame index", vkitti2.add_arguments, vkitti2.run
    ),
    "eth3d": Converter(
        "ETH3D high-resolution views: images, depth, points at training size",
        eth3d.add_arguments,
        eth3d.run,
    ),
    "annotations": Converter(
        "any data with .jgz annotations, to a frame index",
        annotations.add_arguments,
        annotations.run,
    ),
    "scannet_views": Converter(
        "ScanNet export, to a frame index of views",
        scannet_views.add_arguments,
        scannet_views.run,
    ),
    "scannet_frames": Converter(
        "ScanNet export, to a frame index for DELTAS",
        scannet_frames.add_arguments,
        scannet_frames.run,
    ),
    "sun3d": Converter(
        "SUN3D sequences, to a frame index for DELTAS", sun3d.add_arguments, sun3d.run
    ),
    "sevenscenes_frames": Converter(
        "7-Scenes recordings, to a frame index for DELTAS",
        sevenscenes.add_arguments,
        sevenscenes.run,
    ),
    "rgbd_frames": Converter(
        "your own colour, depth and poses, to a frame index for DELTAS",
        rgbd_frames.add_arguments,
        rgbd_frames.run,
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
