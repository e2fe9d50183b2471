"""What the owner of a recording says about its files, on command lines and in Python.

Nothing here imports a reader: ``--help`` is quick.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from vantage3d.checks import check_choice, check_positive
from vantage3d.process.command import image_size

# Camera axes of files -> OpenCV's (x right, y down, z forward); None for those.
AXES = {
    "opencv": None,
    "opengl": ((1, 0, 0, 0), (0, -1, 0, 0), (0, 0, -1, 0), (0, 0, 0, 1)),
    "ros": ((0, 0, 1, 0), (-1, 0, 0, 0), (0, -1, 0, 0), (0, 0, 0, 1)),
}
POSES = ("cam2world", "world2cam")
# Of vantage3d.recordings.layouts, which has the readers.
LAYOUT_NAMES = (
    "hololens", "replica", "rgbd", "scannet", "sens", "sevenscenes", "sun3d", "tum",
    "transforms", "colmap", "record3d", "polycam", "predictions", "images",
    "video",
)  # fmt: skip


@dataclass(frozen=True)
class Remedies:
    """What the owner of a recording says about its files, for every layout alike.

    None leaves a convention as the layout has it.

    Attributes:
        depth_scale: Units of a depth map per metre.
        missing: Stored value that means "no depth", beside 0 and 65535.
        poses: What the matrices are, one of :data:`POSES`.
        axes: Axes of the cameras that poses are of, a key of :data:`AXES`.
        pose_units: Units of translations per metre: 1000 for millimetres.
        pose_shift: A frame has the pose that the files give to the one so many places
            later.
        color_shift: A frame has the colour image of the one so many places later.
        along_rays: Whether depth maps hold distances to the camera's centre.
        intrinsics_size: (W, H) of the images that the intrinsics were written for.
        every: Of so many successive images the sharpest is taken, in folders of images
            and videos without poses.
        extra_roots: Folders beside the recording in which its files may lie, for lists
            and links that lead there.
    """

    depth_scale: float | None = None
    missing: int | None = None
    poses: str | None = None
    axes: str | None = None
    pose_units: float = 1.0
    pose_shift: int = 0
    color_shift: int = 0
    along_rays: bool = False
    intrinsics_size: tuple[int, int] | None = None
    every: int = 1
    extra_roots: Sequence[str | Path] = ()

    def __post_init__(self) -> None:
        if self.depth_scale is not None:
            check_positive("--depth-scale", self.depth_scale)
        if self.poses is not None:
            check_choice("--poses", self.poses, POSES)
        if self.axes is not None:
            check_choice("--axes", self.axes, AXES)
        check_positive("--pose-units", self.pose_units)
        check_positive("--every", self.every)

    @property
    def given(self) -> dict[str, Any]:
        """What files mean and layouts do not say, by the name of the option."""
        said = [f for f in fields(self) if f.name != "extra_roots"]
        pairs = ((f.name, f.default, getattr(self, f.name)) for f in said)
        return {name: value for name, default, value in pairs if value != default}


def add_layout(parser: argparse.ArgumentParser) -> None:
    """``--layout``."""
    text = "instead of what is recognised"
    parser.add_argument("--layout", choices=LAYOUT_NAMES, help=text)


def add_remedies(parser: argparse.ArgumentParser) -> None:
    """Options by which the owner says what the files of a recording mean."""
    group = parser.add_argument_group(
        "what the files mean",
        "where they differ from their layout; check_recording "
        "says which of these a recording needs",
    )
    add = group.add_argument
    add("--depth-scale", type=float, help="units of depth maps per metre")
    add("--missing", type=int, help='stored depth that means "none", beside 0, 65535')
    add("--poses", choices=POSES, help="what the matrices of poses are")
    add("--axes", choices=AXES, help="axes of the cameras that poses are of")
    add("--pose-units", type=float, default=1.0, help="per metre: 1000 for millimetres")
    add("--pose-shift", type=int, default=0, help="a frame's pose is so many later")
    add("--color-shift", type=int, default=0, help="a frame's colour is so many later")
    text = "depth maps hold distances to the camera's centre"
    add("--along-rays", action="store_true", help=text)
    text = "size WxH of the images that the intrinsics were written for"
    add("--intrinsics-size", type=image_size, help=text)
    text = "of so many images or frames of a video without poses, take the sharpest"
    add("--every", type=int, default=1, help=text)
