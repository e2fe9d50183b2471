"""PLY files of points and triangles, binary and little-endian."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.sidecars import write_hashed_bytes

TYPES = {"f4": "float", "u1": "uchar", "i4": "int"}
RGB = ("red", "green", "blue")
NO_FACES = np.zeros((0, 3), np.int32)


def write_ply(
    path: str | Path,
    points: NDArray[np.floating],
    columns: Mapping[str, NDArray],
    faces: NDArray[np.integer] = NO_FACES,
) -> None:
    """Write what :func:`ply_bytes` makes, with its hash beside it."""
    write_hashed_bytes(Path(path), ply_bytes(points, columns, faces))


def ply_bytes(
    points: NDArray[np.floating],
    columns: Mapping[str, NDArray],
    faces: NDArray[np.integer] = NO_FACES,
) -> bytes:
    """A file of points.

    Args:
        points: (N, 3), stored as float32.
        columns: Other values of points by their names: (N,) of uint8, int32 or float32.
        faces: (F, 3) rows of ``points``; the file has no such element without any.
    """
    values = dict(zip("xyz", points.astype("<f4").T)) | dict(columns)
    kinds = [(name, column.dtype.newbyteorder("<")) for name, column in values.items()]
    vertices = np.empty(len(points), kinds)
    for name, column in values.items():
        vertices[name] = column
    header = ["ply", "format binary_little_endian 1.0"]
    header += [f"element vertex {len(vertices)}"]
    header += [f"property {TYPES[kind.str[1:]]} {name}" for name, kind in kinds]
    triangles = np.empty(len(faces), [("count", "u1"), ("rows", "<i4", 3)])
    triangles["count"], triangles["rows"] = 3, faces
    if len(faces):
        header += [f"element face {len(faces)}"]
        header += ["property list uchar int vertex_indices"]
    text = "\n".join([*header, "end_header", ""])
    return text.encode() + vertices.tobytes() + triangles.tobytes()


def rgb_columns(colors: NDArray[np.uint8]) -> dict[str, NDArray]:
    """Columns of (N, 3) colours, by the names that programs know."""
    return dict(zip(RGB, colors.T))
