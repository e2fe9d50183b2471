"""Random changes of a sample's images; geometry follows through the view's zoom."""

from dataclasses import dataclass

import numpy as np

from vantage3d.views.augmentation import ColourJitter


@dataclass(frozen=True)
class Augmentation(ColourJitter):
    """What training does to the frames of a sample; defaults as in released VGGT.

    Attributes:
        zoom: Largest share by which the window shrinks, one factor per sample.
    """

    zoom: float = 0.2

    def draw_zoom(self, rng: np.random.Generator) -> float:
        """Factor of :meth:`ViewGeometry.window`, between 1 and 1 / (1 - zoom)."""
        return 1 / (1 - rng.uniform(0, self.zoom))
