"""Which pixels and residuals count, and how much.

Weights of pixels are by class, a KITTI-360 label id. A dataset turns its label images
into ``pixel_weights`` by its ``class_weights``, for which :data:`CLASS_WEIGHTS` are the
values of the building recipe; the loss raises the facades' share with
:class:`FacadeCurriculum`. There is no class of windows: they belong to the building.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vantage3d.checks import check_positive

MAX_RESIDUAL = 100.0
# No fewer values than this are ever left by the filter.
MIN_FILTERED = 1000
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


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Sum of ``weights * values`` (N,) by the sum of ``weights`` (N,), not negative.

    A scalar, connected to the graph of ``values`` and 0 where there is none.
    """
    total = weights.sum()
    return (values * weights).sum() / total.clamp(min=torch.finfo(total.dtype).tiny)


def filtered_mean(values: Tensor, weights: Tensor, quantile: float) -> Tensor:
    """Weighted mean of the values below their own quantile, the nearest sample of it.

    Values are first clamped at 100. Nothing is filtered where no more than 1000 values
    are there, or would remain.

    Args:
        values: (N,) differentiable.
        weights: (N,) non-negative; they do not decide what is filtered.
        quantile: Share to keep, 0 to 1; not positive keeps everything.
    """
    if quantile <= 0 or len(values) <= MIN_FILTERED:
        return weighted_mean(values, weights)
    values = values.clamp(max=MAX_RESIDUAL)
    rank = 1 + round(quantile * (len(values) - 1))
    below = values < values.detach().kthvalue(rank).values
    if below.sum() > MIN_FILTERED:
        values, weights = values[below], weights[below]
    return weighted_mean(values, weights)


def supervised_frames(mask: Tensor, minimum: int) -> Tensor:
    """(B, S) bool: frames with enough valid pixels to be trusted.

    Args:
        mask: (B, S, H, W) bool.
        minimum: Pixels; 100 suits dense depth, 10 a sparse one.
    """
    return mask.flatten(2).sum(2) >= minimum


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
