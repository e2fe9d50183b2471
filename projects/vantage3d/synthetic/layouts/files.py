"""Small file formats shared by the layouts."""

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.depth_files import MILLIMETRES, depth_units
from vantage3d.io.ply import ply_bytes, rgb_columns
from vantage3d.synthetic.render.mesh import Mesh
from vantage3d.synthetic.render.solids import Floats
from vantage3d.synthetic.rooms.filming import Splits


def write_text(path: Path, text: str) -> None:
    """UTF-8 text, whole or not at all: for files that mark something as finished."""
    atomic_write_bytes(path, text.encode())


def scene_lists(pattern: str) -> Callable[[Path, Splits, Sequence[int]], None]:
    """Writer of one file of scene names per split; ``{}`` in its name is the split."""

    def write(root: Path, splits: Splits, frames: Sequence[int]) -> None:
        for split, scenes in splits.items():
            text = "".join(f"{scene}\n" for scene in scenes)
            write_text(root / pattern.format(split), text)

    return write


def write_bytes(path: Path, data: bytes) -> None:
    """Bytes, without waiting for the disk: the scene is not marked finished yet.

    Raises:
        OSError: If the disk is full or the folder cannot be written; the file is
            removed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise OSError(
            error.errno,
            f"could not write {path}: {error.strerror or error}. Free some space and "
            "run the same command again; it goes on where it stopped",
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Compact JSON."""
    write_bytes(path, json.dumps(value, separators=(",", ":")).encode())


def matrix_text(matrix: Floats) -> str:
    """Rows of numbers with six decimals, as in ScanNet's text files."""
    return "".join(" ".join(f"{v:.6f}" for v in row) + "\n" for row in matrix)


def write_matrix(path: Path, matrix: Floats) -> None:
    """A matrix as text."""
    write_bytes(path, matrix_text(matrix).encode())


def numbers_text(values: ArrayLike) -> str:
    """Numbers of any shape with twelve digits, on one line."""
    return " ".join(f"{value:.12g}" for value in np.ravel(values))


def encode_image(suffix: str, image: np.ndarray) -> bytes:
    """PNG or JPEG by suffix; (H, W, 3) uint8 RGB, or (H, W) uint8 or uint16."""
    pixels = image[..., ::-1] if image.ndim == 3 else image
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if suffix == ".jpg" else []
    return cv2.imencode(suffix, np.ascontiguousarray(pixels), options)[1].tobytes()


def write_image(path: Path, image: np.ndarray) -> None:
    """An image as :func:`encode_image` does."""
    write_bytes(path, encode_image(path.suffix, image))


def write_depth(path: Path, depth: Floats) -> None:
    """(H, W) metres as 16-bit millimetres, 0 = missing."""
    write_image(path, depth_units(depth, MILLIMETRES))


def write_ply(path: Path, mesh: Mesh) -> None:
    """Binary PLY with the header that ScanNet's cleaned meshes have."""
    opaque = np.full(len(mesh.vertices), 255, np.uint8)
    columns = rgb_columns(mesh.colors) | {"alpha": opaque}
    write_bytes(path, ply_bytes(mesh.vertices, columns, mesh.faces))
