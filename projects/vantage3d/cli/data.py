"""Commands that write data: converted from recordings, or rendered."""

import argparse
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path

from vantage3d.cli.arguments import add_no_verify, command_parser
from vantage3d.process.command import image_size, one_message

# name -> module below ``vantage3d`` with add_arguments(parser) and run(args), imported
# only when it is chosen; and what it reads and writes
CONVERTERS = {
    "scannet": (
        "converters.scannet",
        "ScanNet export or .sens files, to a frame index",
    ),
    "sun3d": ("converters.sun3d", "SUN3D sequences, to a frame index"),
    "sevenscenes": ("converters.sevenscenes", "7-Scenes recordings, to a frame index"),
    "recording": (
        "converters.recordings",
        "your own recording, in any layout, to a frame index",
    ),
    "plain": (
        "converters.plain",
        "any recording, to images without distortion, depth and transforms.json",
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
    "scannet200_mv": (
        "esam.converters.scannet",
        "ScanNet scenes with labels of 200 classes, to sequences in one world",
    ),
    "scannet_mv": (
        "esam.converters.scannet",
        "ScanNet scenes with labels of 20 classes, to sequences in one world",
    ),
    "scannet200": (
        "esam.converters.scannet",
        "ScanNet meshes with labels of 200 classes, to clouds with segments",
    ),
    "scannet20": (
        "esam.converters.scannet",
        "ScanNet meshes with labels of 20 classes, to clouds with segments",
    ),
    "scenenn_mv": ("esam.converters.scans", "SceneNN, to sequences to test on"),
    "scenenn": ("esam.converters.scans", "SceneNN meshes, to clouds to test on"),
    "3rscan_mv": ("esam.converters.scans", "3RScan, to sequences to test on"),
    "3rscan": ("esam.converters.scans", "3RScan meshes, to clouds to test on"),
    "rgbd_sv": (
        "esam.converters.rgbd_folder",
        "your own colour, depth, poses and labels, to samples",
    ),
    "rgbd_mv": (
        "esam.converters.rgbd_folder",
        "the same, to sequences of samples in one world",
    ),
}
# Names of the last release, which go with the next one.
ALIASES = {
    "scannet_views": "scannet",
    "scannet_frames": "scannet",
    "sevenscenes_frames": "sevenscenes",
    "rgbd": "recording",
    "rgbd_frames": "recording",
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
            add_no_verify(command)
            text = "list of sha256sum; files below --root-path are compared with it"
            command.add_argument("--manifest", type=Path, help=text)
    args = parser.parse_args(argv)
    with one_message("stopped; the same command goes on from here"):
        _run_alone(args)


def _run_alone(args: argparse.Namespace) -> None:
    """Run a converter with the lock of its output folder, or of its share."""
    from vantage3d.process.lock import locked
    from vantage3d.process.shards import Shard, read_shard

    args.shard = Shard()
    if "rank" in args:  # converters that can share their work
        args.shard = read_shard(args.rank, args.world_size)
    share = args.shard.rank, args.shard.world_size
    with locked(args.out_dir, "--out-dir", *share):
        _check_raw(args)
        args.run(args)


def _check_raw(args: argparse.Namespace) -> None:
    """Raw data is what a list says that it is: the user's, or one of our own."""
    from vantage3d.io import raw_manifest

    root, workers = args.root_path, getattr(args, "workers", 1)
    if args.manifest is None:
        if root is not None:
            raw_manifest.check_own(root, workers)
        return
    if root is None:
        raise ValueError(f"--manifest {args.manifest} needs --root-path")
    count = raw_manifest.check_raw(root, args.manifest, workers)
    sys.stdout.write(f"{root}: {count} files are what {args.manifest} lists\n")


ROOM_LAYOUTS = (
    "scannet",
    "rgbd_folder",
    "rgbd_two_cameras",
    "scannet_sens",
    "sun3d",
    "tum",
    "transforms",
    "phone",
    "eth3d",
    "scenenn",
    "3rscan",
    "co3d",
    "annotations",
    "hypersim",
)


def make_synthetic(argv: list[str] | None = None) -> None:
    """Render scenes and write them in the on-disk layout of a dataset.

    Example:
        python tools/make_synthetic.py scannet --out data/synthetic --train-rooms 24 \\
            --val-rooms 8 --frames 10 --frame-step 200 --size 320x240 --workers 2
        python tools/make_synthetic.py kitti360 --out data/street --train-drives 4 \\
            --val-drives 2 --frames 40 --size 704x188 --style suburb --workers 2
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = command_parser(make_synthetic.__doc__ or "")
    commands = parser.add_subparsers(dest="layout", required=True, metavar="LAYOUT")
    for name, (text, add_arguments, run) in WRITERS.items():
        command = commands.add_parser(name, help=text)
        if name in argv[:1]:  # the renderer's imports take seconds
            command.add_argument("--out", required=True, help="output folder")
            add_arguments(command)
            command.set_defaults(run=run)
            command.add_argument("--seed", type=int, default=0)
            command.add_argument("--workers", type=int, default=1, help="processes")
    args = parser.parse_args(argv)
    from vantage3d.process.lock import locked

    text = "stopped; the same command goes on with what lacks"
    with one_message(text), locked(Path(args.out), "--out"):
        args.run(args)


def _add_rooms(parser: argparse.ArgumentParser) -> None:
    from vantage3d.synthetic import THEMES

    add = parser.add_argument
    add("--train-rooms", type=int, default=24)
    add("--val-rooms", type=int, default=8)
    add("--frames", type=int, default=10, help="frames per room")
    text = "raw frames between two frames; 200 gives every frame its own view"
    add("--frame-step", type=int, default=20, help=text)
    add("--size", type=image_size, default=(640, 480), help="WxH")
    text = "flush: instances in one plane, told apart by texture"
    add("--theme", choices=list(THEMES), default="home", help=text)


def _run_rooms(args: argparse.Namespace) -> None:
    from vantage3d.synthetic import write_dataset

    rooms = args.train_rooms, args.val_rooms
    frames = [number * args.frame_step for number in range(args.frames)]
    how = args.size, args.seed, args.workers, args.theme
    write_dataset(args.layout, args.out, *rooms, frames, *how)


def _add_street(parser: argparse.ArgumentParser) -> None:
    from vantage3d.synthetic import STYLES
    from vantage3d.synthetic.layouts.drives import DriveOptions

    add, default = parser.add_argument, DriveOptions()
    add("--frames", type=int, default=default.frames, help="per drive, 0.8 m apart")
    add("--size", type=image_size, default=default.size, help="WxH")
    add("--style", choices=list(STYLES), default=default.style, help="of the district")
    add("--cameras", type=int, nargs="+", default=[0], help="0 left, 1 right")
    text = "degrees that the cameras turn to both sides on the way"
    add("--sway", type=float, default=default.sway, help=text)


def _add_drives(parser: argparse.ArgumentParser) -> None:
    _add_street(parser)
    add = parser.add_argument
    add("--train-drives", type=int, default=4)
    add("--val-drives", type=int, default=2)
    add("--columns", type=int, default=2000, help="of a sweep, per turn")
    text = "take sweeps from a standing car, where motion needs no compensation"
    add("--no-ego-motion", action="store_false", dest="ego_motion", help=text)


def _add_scenes(parser: argparse.ArgumentParser) -> None:
    _add_street(parser)
    parser.add_argument("--scenes", type=int, default=2, help="1 to 5")


def _run_street(args: argparse.Namespace) -> None:
    from vantage3d.synthetic.layouts import drives

    given = vars(args) | {"cameras": tuple(args.cameras)}
    names = [field.name for field in fields(drives.DriveOptions)]
    options = drives.DriveOptions(**{n: given[n] for n in names if n in given})
    if args.layout == "kitti360":
        counts = args.train_drives, args.val_drives
        drives.write_kitti360(args.out, *counts, options, args.workers)
    else:
        drives.write_virtual_kitti(args.out, args.scenes, options, args.workers)


WRITERS = {  # layout -> what it holds, its options and how it is written
    **dict.fromkeys(ROOM_LAYOUTS, ("rooms", _add_rooms, _run_rooms)),
    "kitti360": ("street drives", _add_drives, _run_street),
    "virtual_kitti": ("street drives", _add_scenes, _run_street),
}
