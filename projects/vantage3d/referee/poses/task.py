"""Errors of camera poses under a protocol."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_choice
from vantage3d.evaluation import pose_metrics
from vantage3d.evaluation.metrics_table import find
from vantage3d.geometry.similarity import stands_still
from vantage3d.io.matrices import check_rigid
from vantage3d.referee.poses import made_up
from vantage3d.referee.poses.odometry import segment_errors
from vantage3d.referee.poses.readers import READERS, ROWS, SECONDS, Trajectory
from vantage3d.referee.task import MODEL, Arrays, Broken, Figures, Task

STILL, STEADY = "no motion", "constant motion"
COVERAGE = "pose.coverage"
Poses = NDArray[np.float64]


@dataclass(frozen=True)
class PoseRules:
    """The choices of a protocol of poses; its files say what each means."""

    figures: list[str]
    alignment: str
    association_s: float
    missing: str
    segments_m: list[float]
    segment_step: int
    averaging: str

    def __post_init__(self) -> None:
        check_choice("alignment", self.alignment, ["none", "se3", "sim3"])
        check_choice("missing", self.missing, ["refuse", "no part"])
        check_choice("averaging", self.averaging, ["sequences"])
        for key in self.figures:
            check_choice("figures", key, FIGURES)
            find(key)


class PosesTask(Task[Trajectory, Trajectory]):
    """Errors of a sequence's cameras, then the mean over sequences."""

    name = "poses"
    readers = READERS
    truth_readers = READERS
    Rules = PoseRules

    @property
    def unit(self) -> str:
        return "sequences"

    def measure(
        self, name: str, pred: Trajectory, truth: Trajectory
    ) -> dict[str, Arrays]:
        """Figures of a sequence by answer.

        Raises:
            ValueError: If frames cannot be told, some are missing, or a pose is none.
        """
        for what, one in (("prediction", pred), ("truth", truth)):
            for place, pose in enumerate(one.poses):
                check_rigid(pose, f"{place} of the {what}")
        rows, places = self.paired(pred, truth)
        true, own = truth.poses[places], pred.poses[rows]
        coverage = len(places) / len(truth.poses)
        if self.rules.missing == "refuse" and coverage < 1:
            raise ValueError(
                f"{len(truth.poses) - len(places)} of {len(truth.poses)} true poses "
                "have no prediction, which the protocol does not allow. Predict them "
                "all, or judge the frames that you have by truth of these alone"
            )
        if len(true) < 2:
            raise ValueError(
                f"{len(true)} of the {len(pred.poses)} predicted and "
                f"{len(truth.poses)} true frames are in both, motion needs two: the "
                f"prediction has {shown(pred)}, the truth {shown(truth)}. Tell frames "
                "by the same"
            )
        answers = {
            MODEL: own,
            STILL: np.tile(np.eye(4), (len(true), 1, 1)),
            STEADY: steady(len(true)),
        }
        found: dict[str, Arrays] = {}
        for answer, poses in answers.items():
            both = _Compared(self.rules, poses, true)
            values = [FIGURES[key](both) for key in self.headline]
            found[answer] = {
                "values": np.array([*values, coverage]),
                "poses": np.array(len(true)),
                "missing": np.array(len(truth.poses) - len(true)),
            }
        return found

    def paired(
        self, pred: Trajectory, truth: Trajectory
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of both that are of one frame, in the order of the truth.

        Where the two tell frames apart by different things, their numbers count.

        Raises:
            ValueError: If there are no numbers, or rows are not as many.
        """
        if truth.kind == pred.kind == SECONDS:
            return associated(pred.keys, truth.keys, self.rules.association_s)
        if truth.kind == pred.kind == ROWS:
            if len(pred.poses) != len(truth.poses):
                raise ValueError(
                    f"the prediction has {len(pred.poses)} rows, the truth "
                    f"{len(truth.poses)}: without seconds or names row i must be frame "
                    "i. Write the same frames, or a format that names them"
                )
            both = np.arange(len(truth.poses))
            return both, both
        for what, one in (("prediction", pred), ("truth", truth)):
            names, counts = np.unique(one.keys, return_counts=True)
            if (counts > 1).any():
                raise ValueError(
                    f"the {what} has {names[counts.argmax()]} {counts.max()} times. "
                    "Give each frame one pose"
                )
        same = truth.kind == pred.kind
        own, true = (one.keys if same else numbers(one) for one in (pred, truth))
        place = {key: row for row, key in enumerate(own.tolist())}
        pairs = [(place[k], i) for i, k in enumerate(true.tolist()) if k in place]
        found = np.array(pairs, np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def figures(self, units: Sequence[Arrays]) -> Figures:
        values = np.stack([unit["values"] for unit in units])
        known = [column[~np.isnan(column)] for column in values.T]
        means = [float(c.mean()) if len(c) else float("nan") for c in known]
        return dict(zip((*self.headline, COVERAGE), means))

    def counts(self, units: Sequence[Arrays]) -> dict[str, int]:
        return {
            "poses": int(sum(unit["poses"] for unit in units)),
            "true poses without prediction": int(sum(u["missing"] for u in units)),
            "sequences without a figure": sum(
                bool(np.isnan(u["values"][: len(self.headline)]).all()) for u in units
            ),
        }

    def nothing(self, truth: Trajectory) -> Trajectory:
        return truth._replace(poses=np.tile(np.eye(4), (len(truth.poses), 1, 1)))

    def made_up(self) -> dict[str, Trajectory]:
        return made_up.units()

    def perfect(self, truth: Trajectory) -> Trajectory:
        return truth

    def broken(self) -> dict[str, Broken]:
        return made_up.broken()


def shown(one: Trajectory) -> str:
    """First and last of what tells frames apart, for messages."""
    if not len(one.poses):
        return "none"
    ends = one.keys[[0, -1]] if one.kind != ROWS else (0, len(one.poses) - 1)
    return f"{one.kind} {ends[0]} to {ends[1]}"


def numbers(one: Trajectory) -> NDArray[np.int64]:
    """(N,) frame numbers: the row, the last number of a name, whole seconds.

    Raises:
        ValueError: If frames have none, or two the same.
    """
    if one.kind == ROWS:
        return np.arange(len(one.poses))
    if one.kind == SECONDS:
        found, whole = one.keys, one.keys == np.round(one.keys)
    else:
        last = [re.findall(r"\d+", name)[-1:] for name in one.keys.tolist()]
        whole = np.array([bool(n) for n in last])
        found = np.array([int(n[0]) if n else 0 for n in last])
    if not whole.all() or len(np.unique(found)) < len(found):
        raise ValueError(
            f"frames are told by {one.kind} here and otherwise on the other side, and "
            f"they have no numbers to go by: {one.keys[:3].tolist()}. Write both in "
            "one format"
        )
    return found.astype(np.int64)


def steady(count: int) -> Poses:
    """(N, 4, 4) cameras that go ahead by a metre a frame and never turn."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 2, 3] = np.arange(count)
    return poses


def associated(
    pred: NDArray[np.float64], truth: NDArray[np.float64], limit_s: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each moment of the shorter trajectory the nearest of the other, if near.

    As evo associates; no pose is taken twice for two of the truth.
    """
    swapped = len(pred) < len(truth)
    few, many = (pred, truth) if swapped else (truth, pred)
    nearest = np.abs(many[None] - few[:, None]).argmin(axis=1)
    near = np.abs(many[nearest] - few) <= limit_s
    rows, places = nearest[near], np.flatnonzero(near)
    return (places, rows) if swapped else (rows, places)


class _Compared:
    """Predicted poses beside true ones, under the rules of a protocol."""

    def __init__(self, rules: PoseRules, pred: Poses, truth: Poses) -> None:
        self.rules, self.pred, self.truth = rules, pred, truth

    @cached_property
    def aligned(self) -> Poses:
        """(N, 4, 4) predicted poses in the true world."""
        if self.rules.alignment == "none":
            return self.pred
        moves = not stands_still(self.truth[:, :3, 3])
        scale = self.rules.alignment == "sim3" and moves
        return pose_metrics.align_poses(self.pred, self.truth, scale)

    @cached_property
    def angles(self) -> pose_metrics.PairAngles:
        """Angles of all ordered pairs."""
        return pose_metrics.pair_angles(self.pred, self.truth)

    @cached_property
    def drift(self) -> tuple[float, float]:
        """Percent, and degrees per metre, over stretches."""
        lengths, step = self.rules.segments_m, self.rules.segment_step
        return segment_errors(self.aligned, self.truth, lengths, step)

    def absolute(self) -> float:
        """ATE, metres."""
        return pose_metrics.absolute_pose_errors(self.aligned, self.truth).rmse()[0]

    def absolute_deg(self) -> float:
        """ATE of rotation, degrees."""
        oriented = pose_metrics.align_orientations(self.pred, self.truth)
        return pose_metrics.absolute_pose_errors(oriented, self.truth).rmse()[1]

    def relative(self) -> float:
        """RPE, metres."""
        return pose_metrics.relative_pose_errors(self.aligned, self.truth).rmse()[0]

    def relative_deg(self) -> float:
        """RPE of rotation, degrees."""
        return pose_metrics.relative_pose_errors(self.pred, self.truth).rmse()[1]

    def auc(self, degrees: int) -> float:
        """Area under the accuracy of pairs."""
        return pose_metrics.pose_auc(self.angles.worst(), degrees)


FIGURES: dict[str, Callable[[_Compared], float]] = {
    "pose.ate_trans": _Compared.absolute,
    "pose.ate_rot_deg": _Compared.absolute_deg,
    "pose.rpe_trans": _Compared.relative,
    "pose.rpe_rot_deg": _Compared.relative_deg,
    "pose.rra_15": lambda one: pose_metrics.accuracy(one.angles.rotation_deg, 15),
    "pose.rta_15": lambda one: pose_metrics.accuracy(one.angles.direction_deg, 15),
    "pose.auc_3": lambda one: one.auc(3),
    "pose.auc_5": lambda one: one.auc(5),
    "pose.auc_15": lambda one: one.auc(15),
    "pose.auc_30": lambda one: one.auc(30),
    "pose.drift_percent": lambda one: one.drift[0],
    "pose.drift_deg_per_m": lambda one: one.drift[1],
}
