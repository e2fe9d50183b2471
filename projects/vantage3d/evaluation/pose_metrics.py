"""Errors of camera poses, in float64.

Poses are cam2world, (N, 4, 4), OpenCV axes: distances are between camera centres, never
between translations of world2cam. A network's world and scale are its own, so absolute
errors come after an alignment (:func:`umeyama`), and the relative ones after its scale.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_finite, check_positive, check_shape
from vantage3d.geometry import invert_rigid
from vantage3d.geometry.similarity import umeyama

# Metres between two cameras below which the direction from one to the other says
# nothing: a millimetre is what a good rig measures.
MIN_BASELINE = 1e-3
Floats = NDArray[np.floating[Any]]


class PoseErrors(NamedTuple):
    """One pair of values per pose, or per pair of poses.

    Attributes:
        translation: (N,) metres.
        rotation_deg: (N,) geodesic angles.
    """

    translation: Floats
    rotation_deg: Floats

    def rmse(self) -> tuple[float, float]:
        """Root mean squares in metres and degrees."""
        translation, rotation = (float(np.sqrt(np.mean(np.square(v)))) for v in self)
        return translation, rotation


class PairAngles(NamedTuple):
    """How far relative poses point the wrong way, one value per pair of frames.

    Attributes:
        rotation_deg: (P,) angle between relative rotations, for RRA.
        direction_deg: (P,) angle between the directions from one camera to the other,
            for RTA; NaN where the true cameras coincide.
    """

    rotation_deg: Floats
    direction_deg: Floats

    def worst(self) -> Floats:
        """(P,) the larger of the two angles; the rotation's where there is no other."""
        return np.fmax(self.rotation_deg, self.direction_deg)


def align_poses(pred: Floats, truth: Floats, with_scale: bool = True) -> Floats:
    """Predicted poses in the true world, by least squares over the camera centres.

    Args:
        pred: (N, 4, 4) cam2world.
        truth: (N, 4, 4) cam2world, metres.
        with_scale: Whether to fit the scale too, Sim(3), or not, SE(3).

    Returns:
        (N, 4, 4) cam2world, metres.

    Raises:
        ValueError: As :func:`umeyama`.
    """
    _check(pred, truth)
    return umeyama(pred[:, :3, 3], truth[:, :3, 3], with_scale).move(pred)


def align_orientations(pred: Floats, truth: Floats) -> Floats:
    """Predicted poses turned so that their orientations fit best; centres turn along.

    The turn is the chordal mean of those of the frames (SVD of the sum of R_t R_p').
    Centres do not decide it: on a straight drive they leave the turn about its
    direction free, and a perfect answer would get an arbitrary angle.

    Args:
        pred: (N, 4, 4) cam2world.
        truth: (N, 4, 4) cam2world.

    Returns:
        (N, 4, 4) cam2world, for angles only.

    Raises:
        ValueError: If the shapes disagree or a value is not finite.
    """
    pred, truth = _check(pred, truth)
    total = np.einsum("nij,nkj->ik", truth[:, :3, :3], pred[:, :3, :3])
    U, _, Vt = np.linalg.svd(total)
    turn = np.eye(4)
    turn[:3, :3] = U * [1, 1, np.sign(np.linalg.det(U) * np.linalg.det(Vt))] @ Vt
    return turn @ pred


def absolute_pose_errors(pred: Floats, truth: Floats) -> PoseErrors:
    """Distances of camera centres and angles of orientations (APE; its rmse is ATE).

    Args:
        pred: (N, 4, 4) cam2world in the true world, see :func:`align_poses`.
        truth: (N, 4, 4) cam2world, metres.

    Returns:
        One value per pose.

    Raises:
        ValueError: If the shapes disagree or a value is not finite.
    """
    pred, truth = _check(pred, truth)
    distances = np.linalg.norm(pred[:, :3, 3] - truth[:, :3, 3], axis=1)
    return PoseErrors(distances, rotation_angles(_between(truth, pred)))


def relative_pose_errors(
    pred: Floats, truth: Floats, pairs: NDArray[np.integer] | None = None
) -> PoseErrors:
    """Errors of the motion between two frames (RPE).

    Args:
        pred: (N, 4, 4) cam2world in metres; the world does not matter, the scale does.
        truth: (N, 4, 4) cam2world, metres.
        pairs: (P, 2) frames; by default each with its next.

    Returns:
        One value per pair.

    Raises:
        ValueError: If the shapes disagree or a value is not finite.
    """
    pred, truth = _check(pred, truth)
    if pairs is None:
        first = np.arange(len(truth) - 1)
        pairs = np.stack([first, first + 1], axis=1)
    check_shape("pairs", pairs, "P 2")
    i, j = pairs.T
    true_motion, pred_motion = _between(truth[i], truth[j]), _between(pred[i], pred[j])
    error = _between(true_motion, pred_motion)
    distances = np.linalg.norm(error[:, :3, 3], axis=1)
    return PoseErrors(distances, rotation_angles(error))


def pair_angles(pred: Floats, truth: Floats) -> PairAngles:
    """Angles of all pairs of frames; neither world nor scale of ``pred`` matters.

    Directions are directions, not lines: a motion the other way is wrong by 180
    degrees, and so is a prediction that does not move where the camera did.

    Args:
        pred: (N, 4, 4) cam2world in any scale.
        truth: (N, 4, 4) cam2world, metres.

    Returns:
        One value per ordered pair, N (N - 1): a direction is seen from the first of
        the two, so i < j alone would depend on the order of the frames.

    Raises:
        ValueError: If the shapes disagree or a value is not finite.
    """
    pred, truth = _check(pred, truth)
    i, j = np.nonzero(~np.eye(len(truth), dtype=bool))
    true_motion, pred_motion = _between(truth[i], truth[j]), _between(pred[i], pred[j])
    rotation = rotation_angles(_between(true_motion, pred_motion))
    steps, guesses = true_motion[:, :3, 3], pred_motion[:, :3, 3]
    sine = np.linalg.norm(np.cross(guesses, steps), axis=1)
    direction = np.degrees(np.arctan2(sine, np.sum(guesses * steps, axis=1)))
    direction[(guesses == 0).all(axis=1)] = 180
    direction[np.linalg.norm(steps, axis=1) < MIN_BASELINE] = np.nan
    return PairAngles(rotation, direction)


def accuracy(angles_deg: Floats, threshold_deg: float) -> float:
    """Share of the angles below a threshold (RRA, RTA); NaN angles do not count."""
    known = angles_deg[~np.isnan(angles_deg)]
    return float(np.mean(known < threshold_deg)) if len(known) else float("nan")


def pose_auc(angles_deg: Floats, threshold_deg: int) -> float:
    """Area under the accuracy over thresholds up to ``threshold_deg``, 0 to 1.

    As published for VGGT and others in steps of one degree: the mean of the accuracies
    at 1, 2, ..., ``threshold_deg`` degrees.

    Args:
        angles_deg: (P,) angles, usually :meth:`PairAngles.worst`.
        threshold_deg: Largest threshold.

    Returns:
        The area; NaN without angles.

    Raises:
        ValueError: If the threshold is not positive.
    """
    check_positive("threshold_deg", threshold_deg)
    thresholds = range(1, threshold_deg + 1)
    return float(np.mean([accuracy(angles_deg, t) for t in thresholds]))


def rotation_angles(transforms: Floats) -> Floats:
    """(N,) degrees that (N, 4, 4) transforms rotate by, exact near 0 and 180 too."""
    R = transforms[:, :3, :3]
    sines = np.stack(
        [R[:, 2, 1] - R[:, 1, 2], R[:, 0, 2] - R[:, 2, 0], R[:, 1, 0] - R[:, 0, 1]], 1
    )
    cosine = np.trace(R, axis1=1, axis2=2) - 1
    return np.degrees(np.arctan2(np.linalg.norm(sines, axis=1), cosine))


def _between(first: Floats, second: Floats) -> Floats:
    """(N, 4, 4) ``second`` seen from ``first``."""
    return invert_rigid(first) @ second


def _check(pred: Floats, truth: Floats) -> tuple[Floats, Floats]:
    dims = check_shape("truth", truth, "N 4 4")
    check_shape("pred", pred, "N 4 4", dims=dims)
    for name, poses in (("truth", truth), ("pred", pred)):
        check_finite(name, poses, fix="Count such frames, and leave them out.")
    return pred.astype(np.float64), truth.astype(np.float64)
