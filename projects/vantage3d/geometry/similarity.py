"""Similarities, Sim(3): what a world without a scale is known up to."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_finite, check_shape

Floats = NDArray[np.floating[Any]]
# Spread, relative to the distance from the origin, that is rounding and no motion.
STANDING = 1e-12


class Similarity(NamedTuple):
    """``target ~ scale * rotation @ source + translation``.

    Attributes:
        scale: Units of the target per unit of the source.
        rotation: (3, 3).
        translation: (3,) in units of the target.
    """

    scale: float
    rotation: Floats
    translation: Floats

    def points(self, points: Floats) -> Floats:
        """(..., 3) points in the target's world."""
        return self.scale * points @ self.rotation.T + self.translation

    def move(self, cam2world: Floats) -> Floats:
        """(N, 4, 4) poses in the target's world; their rotations stay rigid."""
        moved = cam2world.astype(np.float64)
        moved[:, :3, :3] = self.rotation @ moved[:, :3, :3]
        moved[:, :3, 3] = self.points(moved[:, :3, 3])
        return moved

    def after(self, first: "Similarity") -> "Similarity":
        """The similarity that ``first`` and then this one make."""
        return Similarity(
            self.scale * first.scale,
            self.rotation @ first.rotation,
            self.points(first.translation),
        )

    def inverse(self) -> "Similarity":
        """From the target to the source."""
        back = self.rotation.T / self.scale
        return Similarity(1 / self.scale, self.rotation.T, -(back @ self.translation))


IDENTITY = Similarity(1.0, np.eye(3), np.zeros(3))


def umeyama(
    source: Floats,
    target: Floats,
    with_scale: bool = True,
    weights: Floats | None = None,
) -> Similarity:
    """Least-squares similarity of corresponding points (Umeyama, PAMI 1991).

    On a line the rotation about it is arbitrary, and in one point all of it; positions
    after the alignment do not depend on that. Coinciding source points keep scale 1.

    Args:
        source: (N, 3) points.
        target: (N, 3) points.
        with_scale: Whether to fit the scale, Sim(3), or keep 1, SE(3).
        weights: (N,) not negative, with a positive sum; all alike if not given.

    Returns:
        The similarity, float64.

    Raises:
        ValueError: If the shapes disagree, a value is not finite, or the scale is asked
            for and the target points coincide.
    """
    dims = check_shape("source", source, "N 3")
    check_shape("target", target, "N 3", dims=dims)
    for name, points in (("source", source), ("target", target)):
        check_finite(name, points, fix="Leave frames without a pose out.")
    source, target = source.astype(np.float64), target.astype(np.float64)
    if with_scale and stands_still(target):
        raise ValueError(
            f"`target` must hold points that differ to fit a scale, got {len(target)} "
            "within rounding of each other. Use with_scale=False."
        )
    if weights is None:
        share = np.full((len(source), 1), 1 / max(len(source), 1))
    else:
        check_shape("weights", weights, "N", dims=dims)
        share = (weights / weights.sum())[:, None].astype(np.float64)
    source_mean = (share * source).sum(0)  # eq. 34
    target_mean = (share * target).sum(0)  # eq. 35
    source_offsets, target_offsets = source - source_mean, target - target_mean
    covariance = (share * target_offsets).T @ source_offsets  # eq. 38
    U, D, Vt = np.linalg.svd(covariance)
    signs = np.array([1, 1, np.sign(np.linalg.det(U) * np.linalg.det(Vt))])  # eq. 39
    rotation = U * signs @ Vt  # eq. 40
    variance = (share * source_offsets**2).sum()  # eq. 36
    fits = with_scale and not stands_still(source)
    scale = float(D @ signs / variance) if fits else 1.0  # eq. 42
    translation = target_mean - scale * rotation @ source_mean  # eq. 41
    return Similarity(scale, rotation, translation)


def stands_still(points: Floats) -> bool:
    """Whether (N, 3) points coincide up to rounding."""
    return bool(np.ptp(points, axis=0).max() <= STANDING * (1 + np.abs(points).max()))
