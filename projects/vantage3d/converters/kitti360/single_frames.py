"""``tools/create_data.py kitti360_single``: single KITTI-360 frames without poses.

A folder of rectified images, their sweeps and the calibration becomes a test split: the
depth of a frame is that of its own sweep. Nothing is known of how frames lie to each
other, so they are to be evaluated one by one (``--seq-len 1``).
"""

import argparse
import os
from pathlib import Path

from vantage3d.converters.kitti360.convert import Options, convert
from vantage3d.converters.kitti360.depth import DepthOptions
from vantage3d.converters.kitti360.raw import Kitti360Layout
from vantage3d.converters.runs import add_extra_roots
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.files import existing
from vantage3d.recordings.files import named

SEQUENCE = "single_frames"
NO_MOTION = "1 0 0 0 0 1 0 0 0 0 1 0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    text = "holds image_00/*.png, velodyne_points/*.bin and calibration/"
    add("--root-path", type=Path, required=True, help=text)
    add("--out-dir", type=Path, required=True, help="the cache")
    text = "height and width of the network's images"
    add("--view", type=int, nargs=2, default=(168, 518), help=text)
    add("--overwrite", action="store_true", help="make everything again")
    add_extra_roots(parser)


def run(args: argparse.Namespace) -> None:
    """Make the cache of the test split."""
    layout = link_frames(args.root_path, args.out_dir / "raw")
    height, width = args.view
    options = Options(
        layout=layout,
        out_dir=args.out_dir,
        overwrite=args.overwrite,
        view=(height, width),
        depth=DepthOptions(accumulate=0, motion=False),
        sequences=(SEQUENCE,),
        extra_roots=(args.root_path, *args.extra_roots),
    )
    convert(options, ["test"])


def link_frames(sample: Path, raw: Path) -> Kitti360Layout:
    """The files of a sample in KITTI-360's layout: links, and poses at the origin.

    Raises:
        FileNotFoundError: If there is no image, or an image has no sweep.
        ValueError: If an image is called by no number, or two by one.
    """
    images = named(sample / "image_00", (".png",))
    if not images:
        raise FileNotFoundError(
            f"{sample / 'image_00'} holds no .png. Expected rectified images beside "
            "velodyne_points and calibration"
        )
    layout = Kitti360Layout(raw)
    links = {raw / "calibration": sample / "calibration"}
    for name, image in images.items():
        if not name.isdecimal():
            raise ValueError(
                f"image {image} is called by no number, expected one as in "
                "0000000007.png. Rename it and its sweep"
            )
        sweep = sample / "velodyne_points" / f"{name}.bin"
        remedy = f"Add it, or remove the image {image}"
        links[layout.image(SEQUENCE, int(name))] = image
        links[layout.sweep(SEQUENCE, int(name))] = existing(sweep, "sweep", remedy)
    for link, target in links.items():
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink():
            link.unlink()
        link.symlink_to(os.path.relpath(target.resolve(), link.parent.resolve()))
    lines = [f"{int(name)} {NO_MOTION}\n" for name in images]
    atomic_write_bytes(layout.poses(SEQUENCE), "".join(lines).encode())
    return layout
