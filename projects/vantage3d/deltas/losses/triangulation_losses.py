"""Losses of the triangulation: matches in the images, points in space."""

from dataclasses import dataclass

from torch import Tensor

from vantage3d.deltas.correspondences import TrueMatches, TruePoints
from vantage3d.deltas.losses.masked import masked_smooth_l1


@dataclass(frozen=True)
class MatchLoss:
    """Smooth L1 between matches and the reprojection of the true points, in pixels.

    The target is where the point is in that view, never where it is in the anchor.

    Attributes:
        weight: Of the term in the total.
        beta: Pixels below which the loss is quadratic.
    """

    weight: float = 1.0
    beta: float = 1.0

    def __call__(self, matches: Tensor, searched: Tensor, truth: TrueMatches) -> Tensor:
        """The loss, not weighted by ``weight``.

        Args:
            matches: (B, V-1, N, 2) predicted pixels.
            searched: (B, V-1, N) bool, where there was a segment to search.
            truth: Of the same keypoints.

        Returns:
            Scalar, connected to ``matches`` also where nothing is valid.
        """
        valid = truth.valid & searched & matches.detach().isfinite().all(-1)
        return masked_smooth_l1(matches, truth.pixels, valid, self.beta)


@dataclass(frozen=True)
class PointLoss:
    """Smooth L1 between triangulated and true points, in metres.

    Attributes:
        weight: Of the term in the total.
        beta: Metres below which the loss is quadratic.
        farthest: Triangulated points beyond this depth take no part, metres: rays that
            are almost parallel meet anywhere.
    """

    weight: float = 2.0
    beta: float = 1.0
    farthest: float = 20.0

    def __call__(self, points: Tensor, triangulated: Tensor, truth: TruePoints):
        """The loss, not weighted by ``weight``.

        Args:
            points: (B, N, 3) triangulated, camera frame of the anchor.
            triangulated: (B, N) bool, whether a view took part.
            truth: Of the same keypoints.

        Returns:
            Scalar, connected to ``points`` also where nothing is valid.
        """
        z = points[..., 2].detach()
        sane = points.detach().isfinite().all(-1) & (z > 0) & (z < self.farthest)
        valid = truth.valid & triangulated & sane
        return masked_smooth_l1(points, truth.points, valid, self.beta)
