"""``tools/create_data.py stereo_motorcycle``: the stereo pair inside scikit-image.

Two rectified photographs of the Middlebury 2014 benchmark with the true disparity of
the left one. They become a test split like those of ETH3D: one scene of two
photographs. The right one's depth is that of the left one's points, the nearest of a
pixel; where the left camera sees nothing it has none.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry.rasters import z_buffer
from vantage3d.io.arrays import load_arrays
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.depth_files import write_depth_npz
from vantage3d.io.images import read_color
from vantage3d.views.frame import Frame
from vantage3d.views.index import Facts, FrameIndex, IndexedFrame

SCENE = "motorcycle"
FILES = ("motorcycle_left.png", "motorcycle_right.png", "motorcycle_disp.npz")
# As scikit-image's documentation of `stereo_motorcycle` has them.
FOCAL, CENTER = 994.978, (311.193, 254.877)  # pixels, of the left camera
OFFSET = 31.086  # pixels that the right principal point lies further right
BASELINE = 0.193001  # metres
Depth = NDArray[np.float32]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--out-dir", type=Path, required=True, help="images, depth and index")
    text = "folder of the three files; that of scikit-image by default"
    add("--root-path", type=Path, help=text)


def run(args: argparse.Namespace) -> None:
    """Write the two views and their index."""
    out = args.out_dir
    frames = []
    for number, view in enumerate(stereo_views(args.root_path or packaged())):
        stem = f"{SCENE}/{number:010d}"
        image, depth = f"images/{stem}.png", f"depth/{stem}.npz"
        _, data = cv2.imencode(".png", np.ascontiguousarray(view.image[..., ::-1]))
        atomic_write_bytes(out / image, data.tobytes())
        write_depth_npz(out / depth, view.depth)
        frames.append(IndexedFrame(number, image, depth, view.K, view.world2cam))
    facts = Facts("dense", ".", 1.0, "scikit-image stereo_motorcycle")
    FrameIndex.build(facts, {SCENE: frames}).save(out / "test.npz")


def packaged() -> Path:
    """Folder of scikit-image's pictures; nothing is downloaded.

    Raises:
        ImportError: If scikit-image is not installed.
    """
    found = find_spec("skimage")
    if found is None or found.origin is None:
        raise ImportError(
            "the stereo pair is part of scikit-image, which is not installed: pip "
            "install scikit-image, or give a folder with --root-path"
        )
    return Path(found.origin).parent / "data"


def stereo_views(folder: Path) -> tuple[Frame, Frame]:
    """Left and right photograph with depth and cameras.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If images and disparity differ in size.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder} lacks {', '.join(missing)}: this scikit-image does not ship the "
            "stereo pair. Give a folder that has it with --root-path"
        )
    left, right = (read_color(folder / name) for name in FILES[:2])
    stored = load_arrays(folder / FILES[2], "disparity", "Install scikit-image again")
    # Pixels that a point lies further left on the right, not finite where unknown.
    disparity = next(iter(stored.values())).astype(np.float64)
    if not left.shape[:2] == right.shape[:2] == disparity.shape:
        raise ValueError(
            f"{folder}: expected one size, got {left.shape}, {right.shape} and a "
            f"disparity of {disparity.shape}. Take the three files of one release"
        )
    K, moved = np.eye(3), np.eye(4)
    K[0, 0] = K[1, 1] = FOCAL
    K[:2, 2] = CENTER
    moved[0, 3] = -BASELINE
    other = K.copy()
    other[0, 2] += OFFSET
    known = np.isfinite(disparity) & (disparity + OFFSET > 0)
    shift = np.where(known, disparity, 1) + OFFSET
    depth = np.where(known, FOCAL * BASELINE / shift, 0).astype(np.float32)
    seen = seen_from_the_right(depth, disparity)
    return Frame(left, depth, K, np.eye(4)), Frame(right, seen, other, moved)


def seen_from_the_right(depth: Depth, disparity: NDArray[np.float64]) -> Depth:
    """(H, W) depth of the right view: points keep their row and their depth."""
    height, width = depth.shape
    rows, columns = np.nonzero(depth)
    moved = np.floor(columns - disparity[rows, columns] + 0.5).astype(np.intp)
    inside = (moved >= 0) & (moved < width)
    rows, columns, moved = rows[inside], columns[inside], moved[inside]
    values = depth[rows, columns].astype(np.float64)
    return z_buffer(values, rows * width + moved, (width, height))
