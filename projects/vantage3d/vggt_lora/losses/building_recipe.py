"""How much a pixel counts by its class, and how that changes during training.

Classes are KITTI-360 label ids. A dataset turns its label images into
``pixel_weights`` by its ``class_weights``, for which :data:`CLASS_WEIGHTS` are the
values of the recipe; the loss raises the facades' share with
:class:`FacadeCurriculum`. There is no class of windows: they belong to the building.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vantage3d.checks import check_positive

BUILDING, WALL, GARAGE = 11, 12, 34
FACADES = (BUILDING, WALL, GARAGE)
ROAD, SKY = 7, 23
# Car, truck, bus, caravan, trailer, train, motorcycle, bicycle, unknown vehicle.
VEHICLES = (26, 27, 28, 29, 30, 31, 32, 33, 43)
CLASS_WEIGHTS = {
    **dict.fromkeys(FACADES, 2.0),
    ROAD: 0.7,
    **dict.fromkeys(VEHICLES, 0.5),
    SKY: 0.2,
}


@dataclass(frozen=True)
class FacadeCurriculum:
    """Facades first: their weight is raised early in training and comes down to 1.

    Attributes:
        boost: Factor at the start.
        hold: Share of training during which the factor stays there; from then on it
            falls linearly and is 1 at the end.
        classes: Label ids that are raised, and no others.

    Raises:
        ValueError: If ``boost`` is not positive, or ``hold`` outside [0, 1).
    """

    boost: float = 1.5
    hold: float = 0.4
    classes: tuple[int, ...] = FACADES

    def __post_init__(self) -> None:
        check_positive("boost", self.boost)
        if not 0 <= self.hold < 1:
            raise ValueError(f"`hold` must be in [0, 1), got {self.hold}.")

    def factor(self, progress: float) -> float:
        """Factor of the facades' weights after a share of training, 0 to 1."""
        left = min(1.0, (1 - progress) / (1 - self.hold))
        return 1 + (self.boost - 1) * left

    def __call__(self, weights: Tensor, semantics: Tensor, progress: float) -> Tensor:
        """Pixel weights (...) with the facades raised, after a share of training.

        ``semantics`` (...) are label ids, -1 unknown.
        """
        facade = torch.isin(semantics, semantics.new_tensor(self.classes))
        return torch.where(facade, weights * self.factor(progress), weights)
