"""ScanNet's ``.sens`` files: the frames of a recording in one stream (version 4).

Little-endian: a header with the cameras, then per frame the camera-to-world pose, two
times, and a compressed colour and depth image. Paths below a file name its images, and
they are read where they lie.
"""

import os
import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache
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
MILLIMETRES = 1000.0  # units per metre of depth images that are taken out
MEMBERS = {"color": ".jpg", "depth": ".png"}
REMEDY = "Download it again"
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


class SensFile:
    """What a ``.sens`` file holds and where: see :func:`open_sens`.

    Frames are read by their number, in any order; the file is open only meanwhile.

    Attributes:
        path: The file.
        header: What holds for all frames.
        poses: (N, 4, 4) float32 camera to world, metres; not finite where the tracking
            was lost.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with open(path, "rb") as file:
            self._length = os.fstat(file.fileno()).st_size
            self.header = self._read_header(file)
            poses, self._places = [], []
            for number in range(self.header.frames):
                packed = self._read(file, FRAME.size, number)
                *pose, _, _, color, depth = FRAME.unpack(packed)
                self._check_rest(file, color + depth, number)
                self._places.append((file.tell(), color, depth))
                file.seek(color + depth, os.SEEK_CUR)
                poses.append(pose)
        self.poses = np.array(poses, np.float32).reshape(-1, 4, 4)

    def frame(self, number: int) -> SensFrame:
        """A frame.

        Raises:
            ValueError: If there is none of that number, or its depth is damaged.
        """
        return SensFrame(self.poses[number], self.color(number), self.depth(number))

    def color(self, number: int) -> bytes:
        """The bytes of the JPEG file of a frame; ValueError if there is none."""
        start, color, _ = self._place(number)
        return self._bytes(start, color)

    def depth(self, number: int) -> NDArray[np.uint16]:
        """(H, W) depth of a frame as it is stored, 0 = missing.

        Raises:
            ValueError: If there is no such frame, or its depth is damaged.
        """
        start, color, length = self._place(number)
        width, height = self.header.depth_size
        name = f"sensor file {self.path}: the depth image of frame {number}"
        with decoding(name, "damaged", REMEDY):
            # At most what the header says, and one byte that shows that it is more.
            stream = zlib.decompressobj()
            packed = self._bytes(start + color, length)
            values = stream.decompress(packed, 2 * width * height + 1)
            if not stream.eof:
                raise ValueError(f"it is not one of {width}x{height} pixels")
            return np.frombuffer(values, "<u2").reshape(height, width)

    def millimetres(self, number: int) -> NDArray[np.uint16]:
        """As :meth:`depth` in millimetres, 0 also where they do not fit."""
        depth, scale = self.depth(number), self.header.depth_scale
        if scale == MILLIMETRES:
            return depth
        rounded = np.round(depth * (MILLIMETRES / scale))
        return np.where(rounded < 2**16, rounded, 0).astype(np.uint16)

    def _place(self, number: int) -> tuple[int, int, int]:
        """Where a frame starts, and the bytes of its colour and depth."""
        if not 0 <= number < len(self._places):
            raise ValueError(
                f"sensor file {self.path} has {len(self._places)} frames, frame "
                f"{number} was asked for"
            )
        return self._places[number]

    def _bytes(self, start: int, count: int) -> bytes:
        with open(self.path, "rb") as file:
            file.seek(start)
            return file.read(count)

    def _read_header(self, file: BinaryIO) -> SensHeader:
        version, length = START.unpack(self._read(file, START.size))
        if version != VERSION or length > LONGEST_NAME:
            raise ValueError(
                f"sensor file {self.path} has version {version} and a name of {length} "
                f"bytes, expected version {VERSION}. Is it a .sens file of ScanNet?"
            )
        self._read(file, length)
        matrices = [MATRIX.unpack(self._read(file, MATRIX.size)) for _ in range(4)]
        K_color, _, K_depth, _ = np.array(matrices, np.float32).reshape(4, 4, 4)
        sizes = SIZES.unpack(self._read(file, SIZES.size))
        color, depth, cw, ch, dw, dh, scale, frames = sizes
        if (color, depth) != (JPEG, ZLIB):
            raise ValueError(
                f"sensor file {self.path} stores colour as {COLOR.get(color, color)!r} "
                f"and depth as {DEPTH.get(depth, depth)!r}, expected 'jpeg' and "
                "'zlib_ushort'. Export it with ScanNet's SensReader"
            )
        least = file.tell() + frames * FRAME.size
        if not 0 < dw * dh <= LARGEST_DEPTH or least > self._length:
            raise ValueError(
                f"sensor file {self.path} announces {frames} frames with depth images "
                f"of {dw}x{dh}, and has {self._length} bytes: it is truncated or "
                f"damaged. {REMEDY}"
            )
        if not 0 < scale < np.inf:
            raise ValueError(
                f"sensor file {self.path} has {scale:g} units of depth per metre, "
                f"expected {MILLIMETRES:g} or another positive number. {REMEDY}"
            )
        return SensHeader(K_color, K_depth, (cw, ch), (dw, dh), scale, frames)

    def _read(self, file: BinaryIO, count: int, frame: int | None = None) -> bytes:
        self._check_rest(file, count, frame)
        return file.read(count)

    def _check_rest(self, file: BinaryIO, count: int, frame: int | None) -> None:
        """Refuse a file that has not so many bytes left."""
        if count > self._length - file.tell():
            where = "in its header" if frame is None else f"in frame {frame}"
            raise ValueError(
                f"sensor file {self.path} is truncated: it ends {where} after "
                f"{self._length} bytes. {REMEDY}"
            )


def open_sens(path: str | Path) -> SensFile:
    """What a file holds; it is gone through once per process while it stays as it is.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is truncated, of another version, or compressed in a way that
            ScanNet's files are not.
    """
    path = existing(path, "sensor file", REMEDY)
    facts = path.stat()
    return _opened(path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=64)
def _opened(path: Path, changed_ns: int, size: int) -> SensFile:
    return SensFile(path)


def member_path(file: Path, kind: str, number: int) -> Path:
    """The path by which an image inside a file is named: ``a.sens/depth/12.png``.

    Args:
        file: The ``.sens`` file.
        kind: ``color`` or ``depth``.
        number: Number of the frame.
    """
    return file / kind / f"{number}{MEMBERS[kind]}"


def find_member(path: Path) -> tuple[SensFile, str, int] | None:
    """File, kind and number of what :func:`member_path` names; None for other paths.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged.
    """
    file, kind = path.parent.parent, path.parent.name
    if file.suffix != ".sens" or kind not in MEMBERS or not path.stem.isdecimal():
        return None
    return open_sens(file), kind, int(path.stem)


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
