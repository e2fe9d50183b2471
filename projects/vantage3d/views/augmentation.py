"""Random colours of a sample's images."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


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
        turn = _hue_turn(2 * np.pi * rng.uniform(-self.hue, self.hue))
        matrix = factor[0] * factor[1] * (turn @ colour)
        offset = np.full(3, (1 - factor[1]) * mean)
        return matrix.astype(np.float32), offset.astype(np.float32)


def _hue_turn(angle: float) -> NDArray[np.float64]:
    """(3, 3) rotation of RGB about the grey axis (Rodrigues)."""
    axis = np.ones(3) / np.sqrt(3)
    cross = np.array(
        [[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]]
    )
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _affine(image: NDArray[np.uint8], matrix: NDArray, offset: NDArray) -> NDArray:
    return cv2.transform(image, np.concatenate([matrix, offset[:, None]], axis=1))
