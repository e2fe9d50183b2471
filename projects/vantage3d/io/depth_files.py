"""Depth maps in the encodings that multi-view datasets use, read and written.

Readers return (H, W) float32; what is not finite or not positive becomes 0, missing.
"""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.io.atomic import atomic_write, atomic_write_bytes
from vantage3d.io.images import read_ids

Depth = NDArray[np.float32]
HDF5_KEY = "dataset"
KITTI_SCALE = 256.0  # units of KITTI's depth images per metre


def depth_units(depth: NDArray[np.floating], scale: float) -> NDArray[np.uint16]:
    """(H, W) depth in whole 1 / ``scale`` metres; 0 where missing or beyond 16 bits."""
    units = np.round(depth * scale)
    return np.where(units < 2**16, units, 0).astype(np.uint16)


def write_depth_png(
    path: str | Path, depth: NDArray[np.floating], scale: float
) -> None:
    """Write (H, W) metres as a 16-bit PNG, as :func:`depth_units` rounds them.

    ``images.read_depth`` with the same ``scale`` reads it.
    """
    _, data = cv2.imencode(".png", depth_units(depth, scale))
    atomic_write_bytes(path, data.tobytes())


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
    bits = np.ascontiguousarray(depth, np.float16).view(np.uint16)
    atomic_write_bytes(path, cv2.imencode(".png", bits)[1].tobytes())


def write_millimetre_png(path: str | Path, depth: NDArray[np.floating]) -> None:
    """Write (H, W) depth as 16-bit millimetres, as ScanNet's depth images are.

    What is missing, not finite, below half a millimetre or beyond 65.535 m becomes 0.
    """
    millimetres = np.round(1000 * np.nan_to_num(depth.astype(np.float64), posinf=0.0))
    inside = (millimetres > 0) & (millimetres < 2**16)
    values = np.where(inside, millimetres, 0).astype(np.uint16)
    atomic_write_bytes(path, cv2.imencode(".png", values)[1].tobytes())


def read_raw_float32(path: str | Path, size: tuple[int, int]) -> Depth:
    """Depth of a file without header: little-endian float32, row by row (ETH3D).

    Args:
        path: The file; whatever its suffix, it is no image.
        size: (W, H) that it must have.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If its length is another.
    """
    path, (width, height) = Path(path), size
    if not path.is_file():
        raise FileNotFoundError(f"depth file {path} is missing. Download it again")
    data = path.read_bytes()
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
    try:
        values = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"depth file {path} is missing. Make it again"
        ) from None
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(
            f"depth file {path} is truncated or no array ({error}). Make it again"
        ) from error
    if values.ndim != 2 or values.dtype.kind not in "fui":
        raise ValueError(
            f"depth file {path} must hold (H, W) numbers, got {values.shape} "
            f"{values.dtype}. Make it again"
        )
    return _positive(values.astype(np.float32))


def write_npy(path: str | Path, depth: NDArray[np.floating]) -> None:
    """Write (H, W) depth as float32 ``.npy``."""
    atomic_write(path, lambda file: np.save(file, depth.astype(np.float32)))


def read_hdf5(path: str | Path) -> Depth:
    """Values of the ``dataset`` of an HDF5 file (Hypersim: distances along rays).

    Raises:
        FileNotFoundError: If the file is missing.
        ImportError: If h5py is not installed.
        ValueError: If it is truncated or has no such array.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"depth file {path} is missing. Download it again")
    try:
        with _h5py().File(path, "r") as file:
            values = np.asarray(file[HDF5_KEY], np.float32)
    except (OSError, KeyError, RuntimeError) as error:
        raise ValueError(
            f"depth file {path} is truncated or has no array {HDF5_KEY!r} ({error}). "
            "Download it again"
        ) from error
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
