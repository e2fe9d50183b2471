"""Anyone's RGB-D recording: ``color depth pose intrinsic.txt`` of one scene."""

from pathlib import Path

from vantage3d.io.rgbd_frames import (
    read_cam2world,
    read_intrinsics,
    read_rgbd,
    register_color,
)
from vantage3d.io.scannet_export import RgbdFrame

SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")


def read_folder_frame(folder: Path, name: str, depth_scale: float) -> RgbdFrame:
    """One frame on the pixel grid of its depth image.

    Args:
        folder: Of the scene.
        name: Of the frame's files without suffix.
        depth_scale: Units of the depth images per metre.

    Raises:
        FileNotFoundError: If one of the files is missing.
        ValueError: If one is damaged or they do not belong together.
    """
    cam2world = read_cam2world(folder / "pose" / f"{name}.txt")
    depth_path = folder / "depth" / f"{name}.png"
    color, depth = read_rgbd(color_path(folder, name), depth_path, depth_scale)
    K = read_intrinsics(folder / "intrinsic.txt", (depth.shape[1], depth.shape[0]))
    K_color, path = None, folder / "intrinsic_color.txt"
    if path.is_file():
        K_color = read_intrinsics(path, (color.shape[1], color.shape[0]))
    color, depth = register_color(color, K_color, depth, K)
    return RgbdFrame(color, depth, K, cam2world)


def color_path(folder: Path, name: str) -> Path:
    """The colour image, of whatever suffix; the first one's name if there is none."""
    paths = [folder / "color" / f"{name}{suffix}" for suffix in SUFFIXES]
    return next((path for path in paths if path.is_file()), paths[0])
