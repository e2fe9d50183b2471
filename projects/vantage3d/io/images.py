"""Colour, depth and label images, read whole or refused."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from vantage3d.io.atomic import atomic_write
from vantage3d.io.bags import SUFFIXES, find_bag_member
from vantage3d.io.bounds import check_unfolded
from vantage3d.io.files import DAMAGED, not_found
from vantage3d.io.image_checksums import check_image, sign_jpeg
from vantage3d.io.sens import find_member

UNREADABLE: tuple[type[Exception], ...] = (*DAMAGED, Image.DecompressionBombError)
HOLDERS = (".sens", *SUFFIXES)  # files with images inside
FULL = 65535  # largest value of a 16-bit image
NARROWEST = 255.0  # units per metre, above which 8 bits end within a metre


def read_color(path: str | Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is truncated or not an image.
    """
    return np.asarray(_open(path, "colour image").convert("RGB"))


def read_size(path: str | Path, what: str = "colour image") -> tuple[int, int]:
    """(W, H) in pixels, from the header alone; ``what`` is for messages.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not an image.
    """
    return _open(path, what, whole=False).size


def read_upright(path: str | Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, turned as EXIF says that the camera was held.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is truncated or not an image.
    """
    image = ImageOps.exif_transpose(_open(path, "colour image"))
    return np.asarray(image.convert("RGB"))


def upright_size(path: str | Path) -> tuple[int, int]:
    """(W, H) of what :func:`read_upright` reads, from the header alone.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not an image.
    """
    image = _open(path, "colour image", whole=False)
    width, height = image.size
    on_its_side = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    return (height, width) if on_its_side else (width, height)


def read_depth(
    path: str | Path, scale: float = 1000.0, missing: int | None = None
) -> NDArray[np.float32]:
    """(H, W) float32 z-depth in metres, 0 where missing.

    65535, the largest value of 16 bits, means in every format that nothing was
    measured, or something beyond the range.

    Args:
        path: One-channel integer image, usually a 16-bit PNG.
        scale: Units of the file per metre: 1000 for millimetres, 5000 for TUM,
            6553.5 for Replica.
        missing: Further value that means that nothing was measured.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is truncated, has more than one channel, or has 8 bits that
            end within a metre.
    """
    if not scale > 0:
        raise ValueError(f"depth scale must be above 0 units per metre, got {scale}")
    stored, bits = _read_integers(path, "depth image")
    if bits == 8 and scale > NARROWEST:
        raise ValueError(
            f"depth image {path} has 8 bits: at {scale:g} units per metre it ends at "
            f"{NARROWEST / scale:.3g} m, so the depth was lost when it was saved. Save "
            "it with 16 bits, or give the units per metre that it has"
        )
    measured = np.where((stored == FULL) | (stored == missing), 0, stored)
    return (measured / np.float64(scale)).astype(np.float32)


def read_ids(path: str | Path, what: str = "label image") -> NDArray[np.int64]:
    """(H, W) int64 values of a one-channel 8, 16 or 32-bit integer image.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is truncated, or has several channels or float values.
    """
    return _read_integers(path, what)[0]


def _read_integers(path: str | Path, what: str) -> tuple[NDArray[np.int64], int]:
    """Values of an image, and bits of each as they are stored."""
    image = _open(path, what)
    array = np.asarray(image)
    if array.ndim != 2 or array.dtype.kind not in "ui":
        raise ValueError(
            f"{what} {path} must have one integer channel, got mode {image.mode} "
            f"{array.shape} {array.dtype}. Save it as a 16-bit PNG"
        )
    return array.astype(np.int64), 8 * array.dtype.itemsize


def encode_png(values: NDArray[np.uint16]) -> bytes:
    """A 16-bit PNG of (H, W) values, as :func:`read_ids` reads it."""
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="PNG")
    return buffer.getvalue()


def encode_jpeg(image: NDArray[np.uint8], quality: int = 95) -> bytes:
    """A JPEG of (H, W, 3) RGB or (H, W) grey, with its checksum inside."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality)
    return sign_jpeg(buffer.getvalue())


def resized(image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """The whole image at ``size`` (w, h): areas where it shrinks, else cubic."""
    if image.shape[1::-1] == size:
        return image
    how = cv2.INTER_AREA if image.shape[0] > size[1] else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=how)


def write_figure(path: str | Path, figure: Any, dpi: float | None = None) -> None:
    """Write a figure of matplotlib as a PNG, whole or not at all."""
    atomic_write(path, lambda file: figure.savefig(file, format="png", dpi=dpi))


def _open(path: str | Path, what: str, whole: bool = True) -> Image.Image:
    try:
        image = open_image(path)
        if whole:
            width, height = image.size
            unfolded = width * height * _bytes_per_pixel(image)
            check_unfolded(_file_of(Path(path)), unfolded)
            _check_sums(image)
            image.load()
        return image
    except FileNotFoundError:
        raise not_found(Path(path), what, "Export or download it again") from None
    except UnidentifiedImageError:
        size = Path(path).stat().st_size if Path(path).is_file() else 0
        raise ValueError(
            f"{what} {path} ({size} bytes) is not an image. Export or download it again"
        ) from None
    except UNREADABLE as error:
        raise ValueError(
            f"{what} {path} is truncated or damaged ({error}). Export or download it "
            "again"
        ) from error


def open_image(path: str | Path) -> Image.Image:
    """An image of a file, or inside a ``.sens`` file or a bag, its pixels not yet read.

    Raises:
        OSError: If there is none, or it is no image.
        ValueError: If the ``.sens`` file is damaged.
    """
    if (found := find_member(Path(path))) is None:
        image = find_bag_member(Path(path))
        return Image.open(path) if image is None else image
    file, kind, number = found
    if kind == "depth":
        return Image.fromarray(file.millimetres(number))
    return Image.open(io.BytesIO(file.color(number)))


def _check_sums(image: Image.Image) -> None:
    """Compare the file that an image was opened from with the checksums inside."""
    if (file := getattr(image, "fp", None)) is not None:
        place = file.tell()
        file.seek(0)
        check_image(file.read())
        file.seek(place)


def is_there(path: Path) -> bool:
    """Whether there is a file of that path, or an image inside another."""
    return _file_of(path).is_file()


def _file_of(path: Path) -> Path:
    """The file on disk that holds an image."""
    holder = path.parent.parent
    return holder if holder.suffix in HOLDERS and holder.is_file() else path


def _bytes_per_pixel(image: Image.Image) -> int:
    """Of the decoded image."""
    sizes = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I": 4, "F": 4}
    return sizes.get(image.mode, 4)
