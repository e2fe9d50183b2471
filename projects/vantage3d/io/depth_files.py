"""Depth maps in the encodings that multi-view datasets use, read and written.

Readers return (H, W) float32; what is not finite or not positive becomes 0, missing.
"""

import io
import os
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.io import lzfse
from vantage3d.io.arrays import load_array
from vantage3d.io.atomic import atomic_write, atomic_write_bytes
from vantage3d.io.bounds import check_unfolded
from vantage3d.io.files import decoding, existing, not_found
from vantage3d.io.images import (
    FULL,
    is_there,
    open_image,
    read_depth,
    read_ids,
    read_size,
)

Depth = NDArray[np.float32]
HDF5_KEY = "dataset"
KITTI_SCALE = 256.0  # units of KITTI's depth images per metre
MILLIMETRES = 1000.0
IMAGES = (".png", ".tif", ".tiff", ".pgm")  # forms that Pillow reads
ROTATED_BITS = 3  # of SUN3D's depth images, to the left
# Share of SUN3D's values with empty low bits, below which an image is not rotated.
PLAIN = 0.5


def depth_units(depth: NDArray[np.floating], scale: float) -> NDArray[np.uint16]:
    """(H, W) depth in whole 1 / ``scale`` metres.

    0 where it is missing, not finite, below half a unit or beyond 16 bits, whose
    largest value means that there is none.
    """
    units = np.round(np.nan_to_num(depth, posinf=0.0, neginf=0.0) * scale)
    return np.where((units > 0) & (units < FULL), units, 0).astype(np.uint16)


def write_depth_png(
    path: str | Path, depth: NDArray[np.floating], scale: float
) -> None:
    """Write (H, W) metres as a 16-bit PNG, as :func:`depth_units` rounds them.

    ``images.read_depth`` with the same ``scale`` reads it.
    """
    _write_png(path, depth_units(depth, scale))


def write_millimetre_png(path: str | Path, depth: NDArray[np.floating]) -> None:
    """Write (H, W) depth as 16-bit millimetres, as ScanNet's depth images are."""
    _write_png(path, depth_units(depth.astype(np.float64), MILLIMETRES))


def _write_png(path: str | Path, values: NDArray[np.uint16]) -> None:
    atomic_write_bytes(path, cv2.imencode(".png", values)[1].tobytes())


def read_float16_png(path: str | Path) -> Depth:
    """Depth of a 16-bit PNG whose bits are IEEE half-precision floats (Co3D).

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is truncated or not 16 bits deep.
    """
    bits = read_ids(path, "depth image")
    # Half floats of less than 9 bits are below 0.02 mm: an 8-bit image.
    if bits.any() and not 2**8 <= bits.max() < 2**16:
        raise ValueError(
            f"depth image {path} has values up to {bits.max()}, expected the 16 "
            "bits of half-precision floats. Take the file as it was released"
        )
    return _positive(bits.astype(np.uint16).view(np.float16).astype(np.float32))


def write_float16_png(path: str | Path, depth: NDArray[np.floating]) -> None:
    """Write (H, W) depth as :func:`read_float16_png` reads it."""
    _write_png(path, np.ascontiguousarray(depth, np.float16).view(np.uint16))


def rotate_bits(
    values: NDArray[np.integer], bits: int = ROTATED_BITS
) -> NDArray[np.uint16]:
    """Values as SUN3D stores them: the bits of 16 moved left by three, in a circle."""
    values = values.astype(np.uint32)
    return ((values << bits) | (values >> (16 - bits))).astype(np.uint16)


def unrotate_bits(stored: NDArray[np.integer]) -> NDArray[np.uint16]:
    """Values of what :func:`rotate_bits` made."""
    return rotate_bits(stored, 16 - ROTATED_BITS)


def read_rotated_depth(
    path: str | Path, scale: float = MILLIMETRES, missing: int | None = None
) -> Depth:
    """(H, W) float32 z-depth in metres of a rotated image.

    Below 8.192 m, which is beyond the range of the sensor, the three lowest stored bits
    are empty: an image where most values have some is a plain one.

    Args:
        path: The file.
        scale: Units per metre of the values whose bits are turned back.
        missing: Such a value that means "no depth", beside 0 and 65535.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is truncated, not 16 bits deep, or not rotated.
    """
    stored = read_ids(path, "depth image")
    if stored.any() and stored.max() >= 2**16:
        raise ValueError(
            f"depth image {path} has values up to {stored.max()}, expected 16 bits. "
            "Take the file as it was released"
        )
    valid = stored[(stored > 0) & (stored != FULL)]
    near = float((valid % 2**ROTATED_BITS == 0).mean()) if valid.size else 1.0
    if near < PLAIN:
        raise ValueError(
            f"depth image {path} is not bit-rotated: {1 - near:.0%} of its values "
            "would be beyond 8.19 m. SUN3D's images are rotated; for plain millimetres "
            "write the frames as an RGB-D folder (create_data.py rgbd)"
        )
    values = unrotate_bits(stored)
    measured = np.where((values == FULL) | (values == missing), 0, values)
    return (measured / np.float64(scale)).astype(np.float32)


def looks_rotated(depth: NDArray[np.floating]) -> bool:
    """Whether a depth image was read as millimetres though its bits are rotated.

    Then depths are eight times too large and all multiples of 8 mm.

    Args:
        depth: (H, W) metres as they were read, 0 = missing.
    """
    valid = np.round(depth[depth > 0] * MILLIMETRES).astype(np.int64)
    if not valid.size or np.median(valid) < 4 * MILLIMETRES:
        return False
    multiples = valid % 2**ROTATED_BITS == 0
    return bool(multiples.mean() > 0.99 and len(np.unique(valid[multiples])) > 16)


def read_depth_file(
    path: str | Path,
    scale: float = MILLIMETRES,
    missing: int | None = None,
    rotated: bool = False,
) -> Depth:
    """(H, W) float32 metres of a depth map, in the form that its suffix says.

    Integer images count in ``scale`` units per metre. Values of floating point (TIFF,
    EXR, PFM, npy, HDF5) do too.

    Args:
        path: The file.
        scale: Units per metre.
        missing: Stored value that means "no depth", beside 0, 65535 and NaN.
        rotated: Whether bits are rotated as SUN3D's are.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged, or of a form that is not read.
    """
    if rotated:
        return read_rotated_depth(path, scale, missing)
    stored = _read_floats(Path(path))
    if stored is None:
        return read_depth(path, scale, missing)
    if missing is not None:
        stored = np.where(stored == missing, np.float32(0), stored)
    return _positive((stored / np.float64(scale)).astype(np.float32))


def read_depth_size(path: str | Path) -> tuple[int, int]:
    """(W, H) of a depth map of any form, from the header alone where it has one.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged.
    """
    path = Path(path)
    if path.suffix.lower() in IMAGES:
        return read_size(path, "depth image")
    height, width = read_stored(path).shape[:2]
    return width, height


def _read_floats(path: Path) -> Depth | None:
    """Values of a form that may hold floating point; None for images of integers."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return read_npy(path)
    if suffix in (".h5", ".hdf5"):
        return read_hdf5(path)
    if suffix in (".exr", ".pfm"):
        return _read_float_image(path)
    if suffix == lzfse.SUFFIX:
        return lzfse.read_lzfse_depth(path)
    if suffix in (".tif", ".tiff"):
        values = read_stored(path)
        if values.ndim == 2 and values.dtype.kind == "f":
            return values.astype(np.float32)
    return None


def read_stored(path: str | Path, rotated: bool = False) -> NDArray:
    """Values as a file holds them, of any type and any number of channels.

    This is for looking at files; :func:`read_depth_file` reads them.

    Args:
        path: The file.
        rotated: Whether bits are rotated as SUN3D's are; they are turned back.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged.
    """
    suffix = Path(path).suffix.lower()
    if not is_there(Path(path)):
        raise not_found(Path(path), "depth file", "Export it again")
    with decoding(f"depth file {path}", "no depth map", "Export it again"):
        if suffix == ".npy":
            return load_array(path, "depth file", "Export it again")
        if suffix in (".h5", ".hdf5"):
            return read_hdf5(path)
        if suffix in (".exr", ".pfm"):
            os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
            values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            if values is None:
                raise ValueError("OpenCV reads no image")
            return _only_channel(np.asarray(values))
        if suffix == lzfse.SUFFIX:
            return lzfse.read_lzfse_depth(path)
        with open_image(path) as image:
            stored = np.asarray(image)
    # Eight bits were never rotated, which facts of files are to see.
    turn = rotated and stored.dtype.kind in "ui" and stored.ndim == 2
    turn = turn and stored.dtype.itemsize > 1
    return unrotate_bits(stored) if turn else stored


def _read_float_image(path: str | Path) -> Depth:
    """An EXR or PFM image of one channel, by OpenCV."""
    if not Path(path).is_file():
        raise not_found(Path(path), "depth file", "Export it again")
    if Path(path).suffix.lower() == ".exr":
        with decoding(f"depth file {path}", "no EXR image", "Export it again"):
            check_unfolded(path, 4 * _exr_pixels(Path(path).read_bytes()))
    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    values = None if values is None else _only_channel(values)
    if values is None or values.dtype != np.float32 or values.ndim != 2:
        raise ValueError(
            f"depth file {path} is damaged or not one channel of 32-bit floats. Export "
            "it again as one channel, or as .npy"
        )
    return np.asarray(values, np.float32)


def _exr_pixels(data: bytes) -> int:
    """Pixels of an OpenEXR file: of its header's attribute ``dataWindow``."""
    at = 8  # behind the magic number and the version
    while data[at]:
        name = data[at : data.index(b"\0", at)]
        start = data.index(b"\0", at + len(name) + 1) + 5  # behind kind and length
        (length,) = struct.unpack("<I", data[start - 4 : start])
        if name == b"dataWindow":
            left, top, right, bottom = struct.unpack("<4i", data[start : start + 16])
            return (right - left + 1) * (bottom - top + 1)
        at = start + length
    raise ValueError("its header names no dataWindow")


def _only_channel(values: NDArray) -> NDArray:
    """The red one of three of which the others are empty: EXR files with R alone."""
    if values.ndim == 3 and values.shape[2] == 3 and not values[..., :2].any():
        return values[..., 2]
    return values


def read_raw_float32(path: str | Path, size: tuple[int, int]) -> Depth:
    """Depth of a file without header: little-endian float32, row by row (ETH3D).

    Args:
        path: The file; whatever its suffix, it is no image.
        size: (W, H) that it must have.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If its length is another.
    """
    width, height = size
    data = existing(path, "depth file", "Download it again").read_bytes()
    if len(data) != 4 * width * height:
        raise ValueError(
            f"depth file {path} has {len(data)} bytes, expected {4 * width * height}: "
            f"{width}x{height} float32. It is truncated or of another camera"
        )
    return _positive(np.frombuffer(data, "<f4").reshape(height, width))


def write_raw_float32(path: str | Path, depth: NDArray[np.floating]) -> None:
    """Write (H, W) depth as :func:`read_raw_float32` reads it; 0 becomes +inf."""
    values = np.where(depth > 0, depth, np.inf).astype("<f4")
    atomic_write_bytes(path, values.tobytes())


def read_npy(path: str | Path) -> Depth:
    """Depth of a ``.npy`` file.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is truncated or holds no (H, W) real numbers.
    """
    values = load_array(path, "depth file", "Make it again")
    if values.ndim != 2 or values.dtype.kind not in "fui":
        raise ValueError(
            f"depth file {path} must hold (H, W) numbers, got {values.shape} "
            f"{values.dtype}. Make it again"
        )
    return _positive(values.astype(np.float32))


def write_depth_npz(path: str | Path, depth: NDArray[np.floating]) -> None:
    """Write (H, W) depth as float32 ``depth`` of an archive, which has a checksum."""
    depth = depth.astype(np.float32)
    atomic_write(path, lambda file: np.savez(file, depth=depth))


def read_hdf5(path: str | Path) -> Depth:
    """Values of the ``dataset`` of an HDF5 file (Hypersim: distances along rays).

    Raises:
        FileNotFoundError: If the file is missing.
        ImportError: If h5py is not installed.
        ValueError: If it is truncated or has no such array.
    """
    existing(path, "depth file", remedy := "Download it again")
    damage = f"has no array {HDF5_KEY!r}"
    with (
        decoding(f"depth file {path}", damage, remedy),
        _h5py().File(path, "r") as file,
    ):
        stored = file[HDF5_KEY]
        # Its values may lie in another file, by a link or piece by piece.
        link = type(file.get(HDF5_KEY, getlink=True)).__name__
        if link != "HardLink" or stored.external or stored.is_virtual:
            raise ValueError("its values lie in another file, which is not followed")
        check_unfolded(path, stored.size * max(4, stored.dtype.itemsize))
        values = np.asarray(stored, np.float32)
    if values.ndim != 2:
        raise ValueError(
            f"depth file {path} must hold (H, W) numbers, got {values.shape}"
        )
    return _positive(values)


def write_hdf5(path: str | Path, values: NDArray[np.floating]) -> None:
    """Write (H, W) values as half-precision ``dataset``, as Hypersim does."""
    buffer = io.BytesIO()
    with _h5py().File(buffer, "w") as store:
        half = values.astype(np.float16)
        store.create_dataset(HDF5_KEY, data=half, compression="gzip")
    atomic_write_bytes(path, buffer.getvalue())


def _positive(depth: Depth) -> Depth:
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            "h5py is not installed and HDF5 depth maps need it: pip install 'h5py<4'"
        ) from error
    return h5py
