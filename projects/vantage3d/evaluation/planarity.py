"""Are the walls that are flat also flat in a predicted depth map?

Planes are found in the truth, several per instance (:mod:`plane_segments`). On each of
them a plane of its own is fitted to the prediction: what counts is whether the
prediction is flat there, not where it is. A wall of the truth is never quite flat: the
residual of a predicted point is how much farther it is from its plane than the true
point is from the true one, as a share of its depth.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_shape
from vantage3d.evaluation.depth_alignment import biweights
from vantage3d.evaluation.depth_metrics import Floats, usable
from vantage3d.evaluation.plane_segments import (
    REFITS,
    SAMPLE,
    fit_plane,
    pixel_rays,
    plane_distances,
)

FLAT = 0.01  # residual below which a predicted point is an inlier, share of depth


class Planarity(NamedTuple):
    """Residuals of the predicted points on the planes of a frame, shares of depth.

    Attributes:
        residual: (M,) of the prediction, beyond that of the truth.
        truth: (M,) of the truth itself.
    """

    residual: Floats
    truth: Floats

    def statistics(self) -> dict[str, float]:
        """``inlier_ratio``, ``residual_mean`` and ``residual_median``; NaN of none."""
        if not len(self.residual):
            names = ("inlier_ratio", "residual_mean", "residual_median")
            return dict.fromkeys(names, float("nan"))
        return {
            "inlier_ratio": float(np.mean(self.residual < FLAT)),
            "residual_mean": float(self.residual.mean()),
            "residual_median": float(np.median(self.residual)),
        }


def planarity(
    pred: Floats, truth: Floats, K: Floats, segments: NDArray[np.int64]
) -> Planarity:
    """Residuals on the planes of :func:`plane_segments`.

    Args:
        pred: (H, W) z-depth in any unit; unusable pixels are left out.
        truth: (H, W) z-depth.
        K: (3, 3) intrinsics in pixels.
        segments: (H, W) number of the plane of each pixel, -1 for none.

    Returns:
        Residuals of all planes together, M pixels.

    Raises:
        ValueError: If shapes disagree.
    """
    dims = check_shape("truth", truth, "H W")
    check_shape("pred", pred, "H W", dims=dims)
    rows, columns = np.nonzero((segments >= 0) & usable(pred))
    number = segments[rows, columns]
    order = np.argsort(number, kind="stable")
    rows, columns = rows[order], columns[order]
    bounds = np.flatnonzero(np.diff(number[order])) + 1
    residuals, own = [np.zeros(0)], [np.zeros(0)]
    for part in np.split(np.arange(len(rows)), bounds):
        if len(part) < 3:
            continue
        at = rows[part], columns[part]
        rays = pixel_rays(K, *at)
        guess, actual = (_flatness(rays, 1.0 / depth[at]) for depth in (pred, truth))
        residuals.append(np.maximum(guess - actual, 0))
        own.append(actual)
    return Planarity(np.concatenate(residuals), np.concatenate(own))


def _flatness(rays: Floats, inverse: Floats) -> Floats:
    """(N,) distances from the points' own plane, which outliers do not bend."""
    step = -(-len(rays) // SAMPLE)
    some, values = rays[::step], inverse[::step]
    plane = fit_plane(some, values)
    for _ in range(REFITS):
        plane = fit_plane(some, values, biweights(plane_distances(plane, some, values)))
    return plane_distances(plane, rays, inverse)
