"""The frames of a ScanNet export: ``color depth pose intrinsic`` of one scene."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import scale_intrinsics
from vantage3d.io.depth_files import MILLIMETRES
from vantage3d.io.rgbd_frames import (
    RgbdFrame,
    color_path,
    depth_path,
    read_cam2world,
    read_intrinsics,
    read_rgbd,
    register_color,
)

# fx = fy, cx, cy at 640 x 480, used where the export has no file.
DEFAULT_K = np.array([[577.870605, 0, 319.5], [0, 577.870605, 239.5], [0, 0, 1.0]])


def read_scannet_frame(folder: Path, number: str) -> RgbdFrame:
    """One frame of an exported scene.

    Args:
        folder: Holds ``color``, ``depth``, ``pose`` and usually ``intrinsic``.
        number: Name of the frame's files without suffix.

    Raises:
        FileNotFoundError: If one of the files is missing.
        ValueError: If one is damaged, the pose is not rigid or not finite, or sizes
            and intrinsics do not belong together.
    """
    cam2world = read_cam2world(folder / "pose" / f"{number}.txt")
    files = color_path(folder, number), depth_path(folder, number)
    color, depth = read_rgbd(*files, MILLIMETRES)
    (height, width), color_size = depth.shape, (color.shape[1], color.shape[0])
    K, K_color = scannet_intrinsics(folder, color_size, (width, height))
    color, depth = register_color(color, K_color, depth, K)
    return RgbdFrame(color, depth, K, cam2world)


def scannet_intrinsics(
    folder: Path, color_size: tuple[int, int], depth_size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Intrinsics of a scene's two sensors.

    Args:
        folder: Folder of the scene.
        color_size: (W, H) of the colour images.
        depth_size: (W, H) of the depth images.

    Returns:
        (3, 3) in pixels of the depth image, and (3, 3) of the colour image; None where
        colour is to be resized to the depth image and no more.

    Raises:
        ValueError: If a file belongs to other sizes, or there is none and the depth
            image has not the proportions of ScanNet's sensor.
    """
    width, height = depth_size
    of_color, of_depth = (intrinsics_path(folder, s) for s in ("color", "depth"))
    if of_depth:
        K_color = None
        if of_color and color_size != depth_size:
            K_color = read_intrinsics(of_color, color_size)
        return read_intrinsics(of_depth, depth_size), K_color
    if of_color:
        K = read_intrinsics(of_color, color_size)
        return scale_intrinsics(K, width / color_size[0], height / color_size[1]), None
    if width * 480 != height * 640:
        raise ValueError(
            f"{folder} has no intrinsic/intrinsic_depth.txt and the depth image is "
            f"{width}x{height}; the default is for 640x480 and its multiples"
        )
    return scale_intrinsics(DEFAULT_K, width / 640, height / 480), None


def intrinsics_path(folder: Path, sensor: str) -> Path | None:
    """The file with the intrinsics of a scene's ``color`` or ``depth``, None without.

    ``intrinsic/intrinsic_depth.txt`` is the full export's, ``intrinsics_depth.txt``
    that of ``scannet_frames_25k``.
    """
    names = ("intrinsic/intrinsic_", "intrinsic_", "intrinsics_")
    paths = (folder / f"{name}{sensor}.txt" for name in names)
    return next((path for path in paths if path.is_file()), None)
