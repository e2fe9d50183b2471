"""Posed RGB-D frames as plain files: text matrices, colour and depth images."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import scale_intrinsics
from vantage3d.io.depth_files import MILLIMETRES
from vantage3d.io.images import read_color, read_depth

SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")
# fx = fy, cx, cy of ScanNet at 640 x 480, used where an export has no file.
DEFAULT_K = np.array([[577.870605, 0, 319.5], [0, 577.870605, 239.5], [0, 0, 1.0]])
Intrinsics = tuple[NDArray[np.float64], NDArray[np.float64] | None]


class RgbdFrame(NamedTuple):
    """A frame on the pixel grid of its depth image.

    Attributes:
        color: (H, W, 3) uint8 RGB, registered to ``depth``.
        depth: (H, W) float32 z-depth in metres, 0 = missing.
        K: (3, 3) intrinsics in pixels of ``depth``.
        cam2world: (4, 4), OpenCV axes, metres.
    """

    color: NDArray[np.uint8]
    depth: NDArray[np.float32]
    K: NDArray[np.float64]
    cam2world: NDArray[np.float64]


def read_matrix(path: Path, what: str) -> NDArray[np.float64]:
    """A 3 x 3 or 4 x 4 matrix of a text file.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it holds something else, or NaN or infinite values.
    """
    try:
        values = np.array(path.read_text().split(), dtype=np.float64)
    except FileNotFoundError:
        raise FileNotFoundError(f"{what} {path} is missing") from None
    except ValueError as error:
        raise ValueError(f"{what} {path} is no matrix of numbers: {error}") from None
    if values.size not in (9, 16):
        raise ValueError(
            f"{what} {path} has {values.size} numbers, expected 9 (3x3) or 16 (4x4)"
        )
    if not np.isfinite(values).all():
        bad = values[~np.isfinite(values)][0]
        raise ValueError(f"{what} {path} contains {bad}, expected finite numbers")
    side = 3 if values.size == 9 else 4
    return values.reshape(side, side)


def matrix_text(matrix: NDArray[np.floating]) -> str:
    """Text of a matrix as :func:`read_matrix` reads it, without loss."""
    rows = [" ".join(repr(float(value)) for value in row) for row in matrix]
    return "\n".join(rows) + "\n"


def read_cam2world(path: Path) -> NDArray[np.float64]:
    """(4, 4) camera-to-world transform; ValueError unless it is rigid."""
    pose = read_matrix(path, "pose")
    if pose.shape != (4, 4):
        raise ValueError(f"pose {path} is {pose.shape}, expected 4x4")
    check_rigid(pose, str(path))
    return pose


def check_rigid(pose: NDArray[np.float64], name: str) -> None:
    """Refuse a (4, 4) camera-to-world pose that is no rigid transform.

    Raises:
        ValueError: Which says why, and whose pose it is by ``name``.
    """
    if not np.isfinite(pose).all():
        bad = pose[~np.isfinite(pose)][0]
        raise ValueError(
            f"pose {name} contains {bad}: the tracking was lost there; leave the "
            "frame out"
        )
    rotation = pose[:3, :3]
    error = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if error > 1e-2 or np.linalg.det(rotation) < 0:
        raise ValueError(
            f"pose {name} is not rigid: R R^T is off the identity by {error:.3g} and "
            f"det R = {np.linalg.det(rotation):.3g}, expected a camera-to-world "
            "transform"
        )
    if np.abs(pose[3] - (0, 0, 0, 1)).max() > 1e-4:
        raise ValueError(
            f"pose {name} ends in the row {pose[3].tolist()}, expected 0 0 0 1: is the "
            "matrix transposed?"
        )


def read_intrinsics(path: Path, size: tuple[int, int]) -> NDArray[np.float64]:
    """(3, 3) intrinsics that plausibly belong to an image of ``size`` (W, H).

    Raises:
        ValueError: If the principal point is not in the middle half of the image,
            as when the file belongs to another resolution.
    """
    K = read_matrix(path, "intrinsics")[:3, :3]
    center = K[:2, 2] / np.array(size)
    if (np.abs(center - 0.5) > 0.25).any() or (K[[0, 1], [0, 1]] <= 0).any():
        raise ValueError(
            f"intrinsics {path} do not belong to an image of {size[0]}x{size[1]}: "
            f"fx={K[0, 0]:g} fy={K[1, 1]:g} cx={K[0, 2]:g} cy={K[1, 2]:g}. Write those "
            "of the images beside it"
        )
    (fx, fy), (cx, cy) = K[[0, 1], [0, 1]], K[:2, 2]
    # A camera may see 90 degrees, which makes f = c, but not along one axis alone.
    for focal, other, center, axis in ((fx, fy, cx, "x"), (fy, fx, cy, "y")):
        if abs(focal / center - 1) < 0.01 and abs(other / focal - 1) > 0.2:
            raise ValueError(
                f"intrinsics {path} have f{axis}={focal:g}, which is c{axis}, and "
                f"{other:g} for the other axis: the principal point was read or "
                "written as a focal length. Expected rows fx 0 cx, 0 fy cy, 0 0 1"
            )
    return K


def read_rgbd(
    color_path: Path, depth_path: Path, depth_scale: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colour and depth as stored, refused when they cannot be right.

    Raises:
        ValueError: If the aspect ratios differ by more than 2 %, or the median depth
            is not between 5 cm and 50 m.
    """
    color, depth = read_color(color_path), read_depth(depth_path, depth_scale)
    (ch, cw), (dh, dw) = color.shape[:2], depth.shape
    if abs(cw * dh / (ch * dw) - 1) > 0.02:
        raise ValueError(
            f"colour {color_path} is {cw}x{ch} and depth {depth_path} {dw}x{dh}: "
            "they do not show the same view, expected the same aspect ratio"
        )
    median = float(np.median(depth[depth > 0])) if (depth > 0).any() else 1.0
    if not 0.05 < median < 50:
        raise ValueError(
            f"depth {depth_path} has a median of {median:g} m with {depth_scale:g} "
            "units per metre, expected 0.05 to 50 m. Give the scale of the files with "
            "--depth-scale"
        )
    return color, depth


def register_color(
    color: NDArray[np.uint8],
    K_color: NDArray[np.float64] | None,
    depth: NDArray[np.float32],
    K: NDArray[np.float64],
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colour on the pixel grid of the depth image.

    An image of the same size is taken pixel by pixel. Another size is resized by the
    half-pixel rule; with ``K_color`` (3, 3), in pixels of ``color``, it is also warped
    so that both pixels of a ray agree. Depth is dropped where no colour was seen.
    """
    height, width = depth.shape
    if color.shape[:2] == depth.shape:
        return color, depth
    scale_x, scale_y = width / color.shape[1], height / color.shape[0]
    color = _bytes(cv2.resize(color, (width, height), interpolation=cv2.INTER_AREA))
    if K_color is None:
        return color, depth
    warp = scale_intrinsics(K_color, scale_x, scale_y) @ np.linalg.inv(K)
    x = (np.arange(width) * warp[0, 0] + warp[0, 2]).astype(np.float32)
    y = (np.arange(height) * warp[1, 1] + warp[1, 2]).astype(np.float32)
    xs, ys = np.meshgrid(x, y)
    border = cv2.BORDER_REPLICATE
    color = _bytes(cv2.remap(color, xs, ys, cv2.INTER_LINEAR, borderMode=border))
    seen = (xs > -0.5) & (xs < width - 0.5) & (ys > -0.5) & (ys < height - 0.5)
    return color, np.where(seen, depth, np.float32(0))


def _bytes(image: NDArray) -> NDArray[np.uint8]:
    """OpenCV keeps the type; its stubs do not say so."""
    return np.asarray(image, np.uint8)


def read_folder_frame(folder: Path, name: str, depth_scale: float) -> RgbdFrame:
    """One frame of anyone's recording: ``color depth pose intrinsic.txt`` of a scene.

    Args:
        folder: Folder of the scene.
        name: Name of the frame's files without suffix.
        depth_scale: Units of the depth images per metre.

    Raises:
        FileNotFoundError: If one of the files is missing.
        ValueError: If one is damaged or they do not belong together.
    """
    return _read_frame(folder, name, depth_scale, _folder_intrinsics)


def read_scannet_frame(folder: Path, number: str) -> RgbdFrame:
    """One frame of an exported ScanNet scene.

    Args:
        folder: Holds ``color``, ``depth``, ``pose`` and usually ``intrinsic``.
        number: Name of the frame's files without suffix.

    Raises:
        FileNotFoundError: If one of the files is missing.
        ValueError: If one is damaged, the pose is not rigid or not finite, or sizes
            and intrinsics do not belong together.
    """
    return _read_frame(folder, number, MILLIMETRES, scannet_intrinsics)


def _read_frame(
    folder: Path, name: str, depth_scale: float, intrinsics: Callable[..., Intrinsics]
) -> RgbdFrame:
    """A frame; ``intrinsics(folder, color_size, depth_size)`` gives K and K_color."""
    cam2world = read_cam2world(folder / "pose" / f"{name}.txt")
    files = color_path(folder, name), depth_path(folder, name)
    color, depth = read_rgbd(*files, depth_scale)
    K, K_color = intrinsics(folder, color.shape[1::-1], depth.shape[::-1])
    return RgbdFrame(*register_color(color, K_color, depth, K), K, cam2world)


def _folder_intrinsics(
    folder: Path, color_size: tuple[int, int], depth_size: tuple[int, int]
) -> Intrinsics:
    path = folder / "intrinsic_color.txt"
    K = read_intrinsics(folder / "intrinsic.txt", depth_size)
    return K, read_intrinsics(path, color_size) if path.is_file() else None


def scannet_intrinsics(
    folder: Path, color_size: tuple[int, int], depth_size: tuple[int, int]
) -> Intrinsics:
    """Intrinsics of a ScanNet scene's two sensors.

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
    """The file of a ScanNet scene's ``color`` or ``depth`` intrinsics, None without.

    ``intrinsic/intrinsic_depth.txt`` is the full export's, ``intrinsics_depth.txt``
    that of ``scannet_frames_25k``.
    """
    names = ("intrinsic/intrinsic_", "intrinsic_", "intrinsics_")
    paths = (folder / f"{name}{sensor}.txt" for name in names)
    return next((path for path in paths if path.is_file()), None)


def color_path(folder: Path, name: str) -> Path:
    """The colour image, of whatever suffix; the first one's name if there is none."""
    return _image_path(folder / "color", name, SUFFIXES)


def depth_path(folder: Path, name: str) -> Path:
    """The depth image, whose suffix may be in capitals."""
    return _image_path(folder / "depth", name, (".png", ".PNG"))


def _image_path(folder: Path, name: str, suffixes: tuple[str, ...]) -> Path:
    paths = [folder / f"{name}{suffix}" for suffix in suffixes]
    return next((path for path in paths if path.is_file()), paths[0])


def list_frames(folder: Path) -> list[str]:
    """Names of the frames that have a colour or a depth image, in numeric order.

    Hidden files are none of them: macOS leaves a companion ``._<name>`` of every file.

    Raises:
        ValueError: If both folders have images, but none of the same name.
    """
    color, depth = (
        {
            path.stem
            for path in (folder / part).glob("[!.]*")
            if path.suffix.lower() in (".jpg", ".jpeg", ".png")
        }
        for part in ("color", "depth")
    )
    if color and depth and not color & depth:
        raise ValueError(
            f"no frame of {folder} has colour and depth: the names of the images "
            f"differ, such as color/{min(color)} and depth/{min(depth)}. Give the "
            "files of a frame one name"
        )
    return sorted(color | depth, key=numeric_order)


def numeric_order(name: str) -> tuple[bool, int, str]:
    """Sorting key: numbers by value, then other names."""
    return not name.isdigit(), int(name) if name.isdigit() else 0, name


def read_list(path: Path) -> list[str]:
    """Lines of a split file without blanks; a repeated line is an error."""
    lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    repeated = [line for line, count in Counter(lines).items() if count > 1]
    if repeated:
        raise ValueError(
            f"{path} lists {min(repeated)} more than once. Remove the copies"
        )
    return lines
