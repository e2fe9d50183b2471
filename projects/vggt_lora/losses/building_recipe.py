"""How much a pixel counts by its class, and how that changes during training.

Classes are KITTI-360 label ids. The dataset turns its label images into
``pixel_weights`` with :class:`ClassWeights`; the loss raises the facades' share with
:class:`FacadeCurriculum`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from projects.common.checks import check_positive

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
class ClassWeights:
    """Weight of a pixel by its label; labels that are not named weigh 1.

    Attributes:
        weights: Label id to weight.
        filter_buildings_only: Whether everything but ``buildings`` weighs 0.
        buildings: Label ids that are left then.

    Raises:
        ValueError: If a weight is negative.
    """

    weights: Mapping[int, float] = field(default_factory=lambda: dict(CLASS_WEIGHTS))
    filter_buildings_only: bool = False
    buildings: tuple[int, ...] = (BUILDING,)

    def __post_init__(self) -> None:
        for label, weight in self.weights.items():
            if not weight >= 0:
                raise ValueError(
                    f"`weights` must not be negative, got {weight} for label {label}. "
                    "Give 0 to leave a class out."
                )

    def __call__(self, semantics: NDArray[np.integer]) -> NDArray[np.float32]:
        """Weights of a label image.

        Args:
            semantics: (...) label ids, -1 unknown.

        Returns:
            (...) float32.
        """
        weights = np.ones(semantics.shape, np.float32)
        for label, weight in self.weights.items():
            weights[semantics == label] = weight
        if self.filter_buildings_only:
            weights[~np.isin(semantics, self.buildings)] = 0
        return weights


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
        """Weights with the facades raised.

        Args:
            weights: (...) pixel weights.
            semantics: (...) label ids, -1 unknown.
            progress: Share of training that is done, 0 to 1.

        Returns:
            (...) like ``weights``.
        """
        facade = torch.isin(semantics, semantics.new_tensor(self.classes))
        return torch.where(facade, weights * self.factor(progress), weights)
