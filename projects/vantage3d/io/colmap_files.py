"""COLMAP's model files, record by record: whatever is read is counted.

A binary file must end where its last record ends. A text file may begin with a byte
order mark, and its last line needs no line end.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.text import read_text

# Names of camera models by their number in binary files, and their parameters.
MODELS = (
    *(("SIMPLE_PINHOLE", 3), ("PINHOLE", 4), ("SIMPLE_RADIAL", 4), ("RADIAL", 5)),
    *(("OPENCV", 8), ("OPENCV_FISHEYE", 8), ("FULL_OPENCV", 12), ("FOV", 5)),
    *(("SIMPLE_RADIAL_FISHEYE", 4), ("RADIAL_FISHEYE", 5), ("THIN_PRISM_FISHEYE", 12)),
    *(("RAD_TAN_THIN_PRISM_FISHEYE", 16), ("SIMPLE_DIVISION", 4), ("DIVISION", 5)),
    *(("SIMPLE_FISHEYE", 3), ("FISHEYE", 4), ("EUCM", 6), ("EQUIRECTANGULAR", 2)),
)
SIZES = dict(MODELS)
OBSERVATION = np.dtype([("xy", "<f8", 2), ("point", "<i8")])


class CameraRecord(NamedTuple):
    """A camera: its number, model, (W, H) and parameters, as the file has them."""

    number: int
    model: str
    size: tuple[int, int]
    params: tuple[float, ...]


class ImageRecord(NamedTuple):
    """An image as the file has it.

    Attributes:
        pose: qw qx qy qz tx ty tz, world to camera.
        camera: Number of its camera.
        name: Path relative to the folder of images.
        observed: (N,) pixels and numbers of points, -1 for none.
    """

    pose: tuple[float, ...]
    camera: int
    name: str
    observed: NDArray[np.void]


class PointRecord(NamedTuple):
    """A point: its number, place, error in pixels, and how many images see it."""

    number: int
    xyz: tuple[float, ...]
    error: float
    track_length: int


def read_cameras(path: Path) -> list[CameraRecord]:
    """Records of ``cameras.bin`` or ``cameras.txt``.

    Raises:
        ValueError: If the file is truncated, damaged or has another model.
    """
    if path.suffix == ".bin":
        return list(_binary_cameras(_Walk(path)))
    found = []
    for words in _rows(path, 4):
        number, model, size, params = words[0], words[1], words[2:4], words[4:]
        if len(params) != SIZES.get(model, -1):
            raise ValueError(
                f"{path.name} has a camera of model {model} with {len(params)} "
                f"parameters, expected {SIZES.get(model, f'one of {list(SIZES)}')}"
            )
        width, height = map(int, size)
        shape = width, height
        found.append(CameraRecord(int(number), model, shape, tuple(map(float, params))))
    return found


def read_images(path: Path) -> list[ImageRecord]:
    """Records of ``images.bin`` or ``images.txt``.

    Raises:
        ValueError: If the file is truncated or damaged.
    """
    if path.suffix == ".bin":
        return list(_binary_images(_Walk(path)))
    found, lines = [], iter(read_text(path).splitlines())
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words, seen = line.strip().split(None, 9), next(lines, "").split()
        if len(words) < 10 or len(seen) % 3:
            raise ValueError(
                f"{path.name} has an image of {len(words)} fields and {len(seen)} "
                f"words of points, expected 10 and triples: {line.strip()[:60]!r}. "
                "Two lines belong to an image, the second may be empty"
            )
        triples = zip(seen[::3], seen[1::3], seen[2::3])
        observed = [((float(x), float(y)), int(point)) for x, y, point in triples]
        pose, camera, name = tuple(map(float, words[1:8])), int(words[8]), words[9]
        found.append(ImageRecord(pose, camera, name, np.array(observed, OBSERVATION)))
    return found


def read_points(path: Path) -> list[PointRecord]:
    """Records of ``points3D.bin`` or ``points3D.txt``.

    Raises:
        ValueError: If the file is truncated or damaged.
    """
    if path.suffix == ".bin":
        return list(_binary_points(_Walk(path)))
    found = []
    for number, x, y, z, _, _, _, error, *track in _rows(path, 8):
        if len(track) % 2:
            raise ValueError(f"{path.name} has half a track element at point {number}")
        xyz = float(x), float(y), float(z)
        found.append(PointRecord(int(number), xyz, float(error), len(track) // 2))
    return found


def _rows(path: Path, least: int) -> Iterator[list[str]]:
    for line in read_text(path).splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < least:
            raise ValueError(
                f"{path.name} has a line of {len(words)} words, expected at least "
                f"{least}: {line.strip()[:60]!r}"
            )
        yield words


class _Walk:
    """A binary file from its first record to its last byte, never beyond."""

    def __init__(self, path: Path) -> None:
        self.name, self.data, self.at = path.name, path.read_bytes(), 0

    def records(self, least: int) -> Iterator[int]:
        """One turn per record that the file lists, of ``least`` bytes or more."""
        (count,) = self.take("Q")
        rest = len(self.data) - self.at
        if count * least > rest:
            raise ValueError(
                f"{self.name} lists {count} records and has {rest} bytes behind the "
                f"count, expected at least {count * least}"
            )
        yield from range(count)
        if self.at != len(self.data):
            raise ValueError(
                f"{self.name} has {len(self.data) - self.at} bytes behind the last of "
                f"its {count} records"
            )

    def take(self, form: str) -> tuple[Any, ...]:
        """Little-endian values of a :mod:`struct` format."""
        end = self.at + struct.calcsize(f"<{form}")
        self._check(end)
        values = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at = end
        return values

    def skip(self, size: int) -> int:
        """Go on by so many bytes; the place before that."""
        begin, self.at = self.at, self.at + size
        self._check(self.at)
        return begin

    def text(self) -> str:
        """Text up to a zero byte."""
        end = self.data.find(b"\0", self.at)
        self._check(len(self.data) + 1 if end < 0 else end + 1)
        text = self.data[self.at : end].decode()
        self.at = end + 1
        return text

    def _check(self, end: int) -> None:
        if end > len(self.data):
            raise ValueError(
                f"{self.name} ends after {len(self.data)} bytes inside a record"
            )


def _binary_cameras(walk: _Walk) -> Iterator[CameraRecord]:
    for _ in walk.records(40):
        number, kind, width, height = walk.take("IiQQ")
        if not 0 <= kind < len(MODELS):
            raise ValueError(
                f"{walk.name} has a camera of model {kind}, expected 0 to "
                f"{len(MODELS) - 1}"
            )
        model, count = MODELS[kind]
        yield CameraRecord(number, model, (width, height), walk.take(f"{count}d"))


def _binary_images(walk: _Walk) -> Iterator[ImageRecord]:
    for _ in walk.records(73):
        _, *pose, camera = walk.take("I7dI")
        name = walk.text()
        (count,) = walk.take("Q")
        begin = walk.skip(count * OBSERVATION.itemsize)
        observed = np.frombuffer(walk.data, OBSERVATION, count, begin)
        yield ImageRecord(tuple(pose), camera, name, observed)


def _binary_points(walk: _Walk) -> Iterator[PointRecord]:
    for _ in walk.records(51):
        number, *xyz, _, _, _, error, length = walk.take("Q3d3BdQ")
        walk.skip(8 * length)
        yield PointRecord(number, tuple(xyz), error, length)
