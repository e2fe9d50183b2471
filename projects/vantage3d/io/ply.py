"""PLY files of points and triangles, binary and little-endian."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.files import existing
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


def read_ply(path: str | Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points and triangles of a file of any form that plyfile reads.

    Returns:
        (N, 3) points, and (F, 3) rows of them; none of a file of points.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged, has no points, or a face that is no triangle.
    """
    from plyfile import PlyData, PlyParseError

    path = existing(path, "PLY file", "Export it again")
    try:
        ply = PlyData.read(path)
        points = np.column_stack([ply["vertex"][axis] for axis in "xyz"])
        faces = [] if "face" not in ply else list(ply["face"].data["vertex_indices"])
    except (PlyParseError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is no PLY file of points: {error}") from error
    odd = [len(face) for face in faces if len(face) != 3]
    rows = np.array([] if odd else faces, np.int64).reshape(-1, 3)
    if odd or (len(rows) and not 0 <= rows.min() <= rows.max() < len(points)):
        raise ValueError(
            f"{path} has {len(odd)} faces that are no triangles, or faces of points "
            f"beyond its {len(points)}. Export it as triangles"
        )
    return points.astype(np.float64), rows


def rgb_columns(colors: NDArray[np.uint8]) -> dict[str, NDArray]:
    """Columns of (N, 3) colours, by the names that programs know."""
    return dict(zip(RGB, colors.T))
