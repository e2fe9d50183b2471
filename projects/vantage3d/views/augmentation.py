"""Random changes of a sample: one geometry for all its views, colours for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.views.transform import ViewTransform

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Augmentation:
    """What training does to the views of a sample.

    Attributes:
        zoom: Largest share by which the window shrinks, one factor per sample; 0 for
            the largest window always.
        shift: Whether the window lies anywhere in the image instead of at its centre or
            principal point.
        mirror: Probability of exchanging left and right.
        colours: Arguments of :class:`ColourJitter`; None leaves colours alone.

    Raises:
        ValueError: If a share is outside of its range.
    """

    zoom: float = 0.0
    shift: bool = False
    mirror: float = 0.0
    colours: Mapping[str, Any] | None = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("zoom", "mirror"):
            value = getattr(self, name)
            if not 0 <= value <= 1 or (name == "zoom" and value == 1):
                raise ValueError(
                    f"`{name}` of `augmentation` must be a share between 0 and 1, got "
                    f"{value}"
                )

    def draw(self, transform: ViewTransform, rng: np.random.Generator) -> ViewTransform:
        """The geometry of one sample, from the one without augmentation."""
        changes: dict[str, Any] = {"zoom": 1 / (1 - rng.uniform(0, self.zoom))}
        if self.shift:
            changes["place"] = float(rng.random()), float(rng.random())
        if self.mirror:
            changes["mirrored"] = bool(rng.random() < self.mirror)
        return replace(transform, **changes)

    def recolour(
        self, images: Sequence[NDArray[np.uint8]], rng: np.random.Generator
    ) -> Sequence[NDArray[np.uint8]]:
        """(H, W, 3) uint8 RGB images of the sample with other colours."""
        if self.colours is None:
            return images
        return ColourJitter(**self.colours).colours(images, rng)


@dataclass(frozen=True)
class ColourJitter:
    """Other colours for the frames of a sample; defaults as in released VGGT.

    Attributes:
        brightness: Factor 1 +- this.
        contrast: Factor 1 +- this, around the mean luminance.
        saturation: Factor 1 +- this.
        hue: Largest turn, as a share of the colour circle.
        jitter: Probability of the four above.
        shared: Probability that all frames of a sample get the same colours.
        grey: Probability of a grey frame.
        blur: Probability of a Gaussian blur of 0.1 to 1 pixel.
    """

    brightness: float = 0.5
    contrast: float = 0.5
    saturation: float = 0.5
    hue: float = 0.1
    jitter: float = 0.9
    shared: float = 0.7
    grey: float = 0.05
    blur: float = 0.05

    def colours(
        self, images: Sequence[NDArray[np.uint8]], rng: np.random.Generator
    ) -> list[NDArray[np.uint8]]:
        """(H, W, 3) uint8 RGB images with other colours; the input is not changed."""
        seeds = rng.integers(0, 2**63, len(images))
        if rng.random() < self.shared:
            seeds[:] = seeds[0]
        return [self._one(im, np.random.default_rng(s)) for im, s in zip(images, seeds)]

    def _one(
        self, image: NDArray[np.uint8], rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        if rng.random() < self.jitter:
            image = _affine(image, *self._matrix(image, rng))
        if rng.random() < self.grey:
            image = _affine(image, np.tile(LUMA, (3, 1)), np.zeros(3, np.float32))
        if rng.random() < self.blur:
            blurred = cv2.GaussianBlur(image, (5, 5), rng.uniform(0.1, 1.0))
            image = np.asarray(blurred, np.uint8)
        return image

    def _matrix(
        self, image: NDArray[np.uint8], rng: np.random.Generator
    ) -> tuple[NDArray, NDArray]:
        """All four changes as one affine map of the colours: (3, 3) and (3,)."""
        factor = [
            rng.uniform(1 - s, 1 + s)
            for s in (self.brightness, self.contrast, self.saturation)
        ]
        mean = float(LUMA @ image[::4, ::4].reshape(-1, 3).mean(axis=0)) * factor[0]
        grey = np.tile(LUMA, (3, 1))
        colour = factor[2] * np.eye(3) + (1 - factor[2]) * grey
        # A rotation of RGB about the grey axis (Rodrigues).
        angle = 2 * np.pi * rng.uniform(-self.hue, self.hue)
        cross = np.cross(np.eye(3), np.ones(3) / np.sqrt(3))
        turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
        matrix = factor[0] * factor[1] * (turn @ colour)
        offset = np.full(3, (1 - factor[1]) * mean)
        return matrix.astype(np.float32), offset.astype(np.float32)


def _affine(image: NDArray[np.uint8], matrix: NDArray, offset: NDArray) -> NDArray:
    return cv2.transform(image, np.concatenate([matrix, offset[:, None]], axis=1))
