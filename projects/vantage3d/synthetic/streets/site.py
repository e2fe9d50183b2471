"""Where a street is built: its cross-section, its ends and its source of randomness."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from vantage3d.synthetic.streets.style import Style

BEFORE, BEYOND = 40.0, 95.0  # street behind the start and after the end of a drive
ROAD, PARKING, PAVEMENT = 3.5, 5.7, 8.2  # half widths, metres
LANE = 1.75
KERB = 0.12


@dataclass(frozen=True, eq=False)
class Site:
    """What all who build on a street share; x along the street, y left, z up, metres.

    Attributes:
        style: The district.
        rng: Source of randomness; the order of building decides what is drawn.
        length: Metres of the drive.
        number: Counts instances.
    """

    style: Style
    rng: np.random.Generator
    length: float
    number: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def start(self) -> float:
        """Where the street starts."""
        return -BEFORE

    @property
    def stop(self) -> float:
        """Where it ends."""
        return self.length + BEYOND

    def every(self, step: float) -> list[float]:
        """Positions about ``step`` metres apart."""
        places = np.arange(self.start + 3, self.stop - 10, step)
        return [float(x + self.rng.uniform(-0.3, 0.3) * step) for x in places]
