"""What the headers and pixels of colour images tell: bits, alpha, orientation."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vantage3d.io.images import open_image
from vantage3d.recordings.findings import Finding

ORIENTATION = 0x0112  # tag of EXIF
SMALL = 256, 256  # that a photograph is decoded to
TURNS = {2: "mirrored", 3: "by 180 degrees", 4: "mirrored", 5: "mirrored"}
TURNS |= {6: "by 90 degrees", 7: "mirrored", 8: "by 270 degrees"}
WIDE_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
ASPECT_TOLERANCE = 0.02


class ColorFile(NamedTuple):
    """What an image is, before its pixels are taken for colours.

    Attributes:
        path: The file.
        size: (W, H) as it is stored.
        mode: Pillow's name of its channels and bits.
        orientation: Of its EXIF tag; 1 is upright.
        transparent: Share of pixels that are not opaque.
        grey: Whether all channels are equal.
    """

    path: Path
    size: tuple[int, int]
    mode: str
    orientation: int
    transparent: float
    grey: bool


def look_at_color(path: Path) -> ColorFile:
    """The facts of one file.

    Raises:
        OSError: If it is no image, or a damaged one.
    """
    with open_image(path) as image:
        orientation, size = image.getexif().get(ORIENTATION, 1), image.size
        transparent, grey = 0.0, False
        image.draft(image.mode, SMALL)  # of JPEG only, which is large
        if "A" in image.mode or "transparency" in image.info:
            alpha = np.asarray(image.convert("RGBA"))[..., 3]
            transparent = float((alpha < 255).mean())
        if image.mode not in WIDE_MODES:
            pixels = np.asarray(image.convert("RGB"))[::4, ::4].astype(int)
            grey = bool((np.ptp(pixels, axis=-1) <= 2).all())
        return ColorFile(path, size, image.mode, orientation, transparent, grey)


def color_facts(
    files: Sequence[ColorFile], depth_size: tuple[int, int] | None
) -> list[Finding]:
    """What is wrong, or may be, with some colour images of a recording.

    Args:
        files: What each is.
        depth_size: (W, H) of the depth maps; None without.
    """
    first = files[0]
    if first.mode in WIDE_MODES:
        return [
            Finding(
                "error",
                f"colour image {first.path} has one channel of 16 bits or more (mode "
                f"{first.mode}), expected 8 bits: as colour it would be white",
                "Save it with 8 bits per channel; an infrared or depth image is no "
                "colour image",
            )
        ]
    found = [*_orientation(files, depth_size)]
    if share := max(file.transparent for file in files):
        path = max(files, key=lambda file: file.transparent).path
        found.append(
            Finding(
                "warning",
                f"colour images have transparent pixels, {share:.0%} of {path}: the "
                "colours hidden there are taken as they are",
                "Save them without alpha, on the background that is meant",
            )
        )
    if all(file.grey for file in files):
        text = f"colour images are grey ({len(files)} looked at)"
        found.append(Finding("info", text))
    return found


def _orientation(
    files: Sequence[ColorFile], depth_size: tuple[int, int] | None
) -> list[Finding]:
    """Colour that is turned against depth, by its tag or by its shape."""
    first = files[0]
    turned = [file for file in files if file.orientation in TURNS]
    remedy = (
        "Turn the pixels as depth and intrinsics have them and remove the tag, as "
        "`mogrify -auto-orient` does"
    )
    if depth_size and _lies(first.size, depth_size):
        text = (
            f"colour image {first.path} is {first.size[0]}x{first.size[1]} and the "
            f"depth map {depth_size[0]}x{depth_size[1]}: one of them is turned by 90 "
            "degrees"
        )
        if turned:
            text += f" (EXIF orientation {turned[0].orientation})"
        return [Finding("error", text, remedy)]
    if not turned:
        return []
    tag = turned[0].orientation
    text = (
        f"{len(turned)} of {len(files)} colour images have the EXIF orientation {tag} "
        f"({TURNS[tag]}), first {turned[0].path}: they are read as they are stored, "
        f"{turned[0].size[0]}x{turned[0].size[1]}"
    )
    if depth_size:
        text += ", which has the shape of the depth maps"
    return [Finding("warning", text, remedy)]


def _lies(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether the sides of one image are those of the other in the other order."""
    aspect = size[0] / size[1]
    upright = abs(aspect * other[1] / other[0] - 1) < ASPECT_TOLERANCE
    return not upright and abs(aspect * other[0] / other[1] - 1) < ASPECT_TOLERANCE
