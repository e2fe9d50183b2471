"""ScanNet's ``.sens`` files: the frames of a recording in one stream (version 4).

Little-endian: a header with the cameras, then per frame the camera-to-world pose, two
times, and a compressed colour and depth image.
"""

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.atomic import atomic_write
from vantage3d.io.files import decoding, existing

VERSION = 4
SENSOR = "StructureSensor"
COLOR = {0: "raw", 1: "png", 2: "jpeg"}
DEPTH = {0: "raw_ushort", 1: "zlib_ushort", 2: "occi_ushort"}
JPEG, ZLIB = 2, 1
LONGEST_NAME = 1000
LARGEST_DEPTH = 2**24  # pixels, fifty times those of ScanNet's sensor
START = struct.Struct("<IQ")
MATRIX = struct.Struct("<16f")
SIZES = struct.Struct("<iiIIIIfQ")
FRAME = struct.Struct("<16fQQQQ")


class SensHeader(NamedTuple):
    """What holds for all frames.

    Attributes:
        K_color: (4, 4) intrinsics in pixels of the colour images.
        K_depth: (4, 4) intrinsics in pixels of the depth images.
        color_size: (W, H).
        depth_size: (W, H).
        depth_scale: Units of a depth image per metre.
        frames: Number of frames.
    """

    K_color: NDArray[np.float32]
    K_depth: NDArray[np.float32]
    color_size: tuple[int, int]
    depth_size: tuple[int, int]
    depth_scale: float
    frames: int


class SensFrame(NamedTuple):
    """One frame.

    Attributes:
        cam2world: (4, 4) float32, metres; not finite where the tracking was lost.
        color: The bytes of a JPEG file.
        depth: (H, W) uint16, 0 = missing.
    """

    cam2world: NDArray[np.float32]
    color: bytes
    depth: NDArray[np.uint16]


@contextmanager
def open_sens(path: str | Path) -> Iterator["SensFile"]:
    """A file for reading.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is truncated, of another version, or compressed in a way that
            ScanNet's files are not.
    """
    path = existing(path, "sensor file", "Download it again")
    with open(path, "rb") as file:
        yield SensFile(path, file)


class SensFile:
    """A ``.sens`` file, open for reading: see :func:`open_sens`.

    Attributes:
        header: What holds for all frames of the file.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self._file = path, file
        self._length = os.fstat(file.fileno()).st_size
        version, length = START.unpack(self._read(START.size))
        if version != VERSION or length > LONGEST_NAME:
            raise ValueError(
                f"sensor file {self.path} has version {version} and a name of {length} "
                f"bytes, expected version {VERSION}. Is it a .sens file of ScanNet?"
            )
        self._read(length)
        matrices = [
            np.array(MATRIX.unpack(self._read(MATRIX.size)), np.float32).reshape(4, 4)
            for _ in range(4)
        ]
        color, depth, cw, ch, dw, dh, scale, frames = SIZES.unpack(
            self._read(SIZES.size)
        )
        if (color, depth) != (JPEG, ZLIB):
            raise ValueError(
                f"sensor file {self.path} stores colour as {COLOR.get(color, color)!r} "
                f"and depth as {DEPTH.get(depth, depth)!r}, expected 'jpeg' and "
                "'zlib_ushort'. Export it with ScanNet's SensReader"
            )
        least = self._file.tell() + frames * FRAME.size
        if not 0 < dw * dh <= LARGEST_DEPTH or least > self._length:
            raise ValueError(
                f"sensor file {self.path} announces {frames} frames with depth images "
                f"of {dw}x{dh}, and has {self._length} bytes: it is truncated or "
                "damaged. Download it again"
            )
        size = ((cw, ch), (dw, dh))
        self.header = SensHeader(matrices[0], matrices[2], *size, scale, frames)

    def frames(self, step: int = 1) -> Iterator[tuple[int, SensFrame]]:
        """Every ``step``-th frame with its number, to be gone through once.

        Raises:
            ValueError: If the file ends early or a depth image is damaged.
        """
        for number in range(self.header.frames):
            *pose, _, _, color_bytes, depth_bytes = FRAME.unpack(
                self._read(FRAME.size, number)
            )
            if number % step:
                self._check_rest(color_bytes + depth_bytes, number)
                self._file.seek(color_bytes + depth_bytes, 1)
                continue
            color = self._read(color_bytes, number)
            depth = self._depth(self._read(depth_bytes, number), number)
            matrix = np.array(pose, np.float32).reshape(4, 4)
            yield number, SensFrame(matrix, color, depth)

    def _depth(self, data: bytes, number: int) -> NDArray[np.uint16]:
        width, height = self.header.depth_size
        name = f"sensor file {self.path}: the depth image of frame {number}"
        with decoding(name, "damaged", "Download it again"):
            # At most what the header says, and one byte that shows that it is more.
            stream = zlib.decompressobj()
            values = stream.decompress(data, 2 * width * height + 1)
            if not stream.eof:
                raise ValueError(f"it is not one of {width}x{height} pixels")
            return np.frombuffer(values, "<u2").reshape(height, width)

    def _read(self, count: int, frame: int | None = None) -> bytes:
        self._check_rest(count, frame)
        return self._file.read(count)

    def _check_rest(self, count: int, frame: int | None) -> None:
        """Refuse a file that has not so many bytes left."""
        if count > self._length - self._file.tell():
            where = "in its header" if frame is None else f"in frame {frame}"
            raise ValueError(
                f"sensor file {self.path} is truncated: it ends {where} after "
                f"{self._length} bytes. Download it again"
            )


def write_sens(
    path: str | Path, header: SensHeader, frames: Sequence[SensFrame]
) -> None:
    """Write a file as :class:`SensFile` reads it."""

    def write(file: BinaryIO) -> None:
        file.write(START.pack(VERSION, len(SENSOR)) + SENSOR.encode())
        for matrix in (header.K_color, np.eye(4), header.K_depth, np.eye(4)):
            file.write(MATRIX.pack(*matrix.ravel()))
        sizes = (*header.color_size, *header.depth_size)
        file.write(SIZES.pack(JPEG, ZLIB, *sizes, header.depth_scale, len(frames)))
        for number, frame in enumerate(frames):
            depth = zlib.compress(np.ascontiguousarray(frame.depth, "<u2").tobytes())
            counts = (number, number, len(frame.color), len(depth))
            file.write(FRAME.pack(*frame.cam2world.ravel(), *counts))
            file.write(frame.color + depth)

    atomic_write(path, write)
