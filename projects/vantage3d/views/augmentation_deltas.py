"""Random changes of a sample, one draw for all its views."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vantage3d.views.augmentation import ColourJitter
from vantage3d.views.triplet_transform import ViewTransform


@dataclass(frozen=True)
class Augmentation:
    """What training does to the views of a sample.

    Attributes:
        zoom: Largest share by which the window shrinks; 0 for the whole image always,
            as in the published training.
        mirror: Probability of exchanging left and right.
        colours: Arguments of :class:`ColourJitter`; None leaves colours alone.
    """

    zoom: float = 0.0
    mirror: float = 0.5
    colours: Mapping[str, Any] | None = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("zoom", "mirror"):
            value = getattr(self, name)
            if not 0 <= value <= 1 or (name == "zoom" and value == 1):
                raise ValueError(
                    f"`{name}` of `augmentation` must be a share between 0 and 1, got "
                    f"{value}"
                )

    def draw(self, height: int, width: int, rng: np.random.Generator) -> ViewTransform:
        """The geometry of one sample with views of ``height`` x ``width``."""
        zoom = 1 / (1 - rng.uniform(0, self.zoom))
        place = (float(rng.random()), float(rng.random()))
        mirrored = bool(rng.random() < self.mirror)
        return ViewTransform(height, width, zoom, place, mirrored)

    def recolour(
        self, images: list[np.ndarray], rng: np.random.Generator
    ) -> list[np.ndarray]:
        """(H, W, 3) uint8 RGB images of the sample with other colours."""
        if self.colours is None:
            return images
        return ColourJitter(**self.colours).colours(images, rng)
