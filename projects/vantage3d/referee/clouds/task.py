"""Accuracy, completeness and F-score of clouds and meshes under a protocol."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_choice, check_finite, check_positive, check_shape
from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.point_clouds import nearest_distances
from vantage3d.referee.clouds import made_up
from vantage3d.referee.clouds.readers import READERS, Surface
from vantage3d.referee.task import MODEL, Arrays, Broken, Figures, Task

BOX, MIDDLE = "the true box filled", "one point in the middle"
KEYS = ("cloud.accuracy", "cloud.completeness", "cloud.precision", "cloud.recall",
        "cloud.f_score")  # fmt: skip
Points = NDArray[np.float64]


@dataclass(frozen=True)
class CloudRules:
    """The choices of a protocol of clouds; its files say what each means."""

    figures: list[str]
    threshold_m: float
    per_square_metre: float
    voxel_m: float
    farthest_m: float
    alignment: str
    averaging: str

    def __post_init__(self) -> None:
        check_choice("alignment", self.alignment, ["none"])
        check_choice("averaging", self.averaging, ["scenes"])
        for name in ("threshold_m", "per_square_metre", "voxel_m", "farthest_m"):
            check_positive(name, getattr(self, name))
        for key in self.figures:
            check_choice("figures", key, KEYS)
            find(key)


class CloudsTask(Task[Surface, Surface]):
    """Distances between two surfaces, then the mean over scenes."""

    name = "clouds"
    readers = READERS
    truth_readers = READERS
    Rules = CloudRules

    @property
    def unit(self) -> str:
        return "scenes"

    def measure(self, name: str, pred: Surface, truth: Surface) -> dict[str, Arrays]:
        """Figures of a scene by answer.

        Raises:
            ValueError: If a cloud has another shape, a value is not finite, or the
                truth is empty.
        """
        clouds = []
        for what, one in (("prediction", pred), ("truth", truth)):
            check_shape(f"points of the {what}", one.points, "N 3")
            check_finite(f"points of the {what}", one.points)
            check_shape(f"faces of the {what}", one.faces, "F 3")
            wrong = one.faces[(one.faces < 0) | (one.faces >= len(one.points))]
            if len(wrong):
                raise ValueError(
                    f"faces of the {what} must be of its {len(one.points)} points, "
                    f"got point {wrong[0]}. Count them from 0"
                )
            clouds.append(thinned(self.points(one), self.rules.voxel_m))
        own, true = clouds
        if not len(true):
            raise ValueError("the truth has no point: leave the scene out with --only")
        low, high = true.min(axis=0), true.max(axis=0)
        rng = np.random.default_rng(0)
        answers = {
            MODEL: own,
            BOX: rng.uniform(low, high, (len(true), 3)),
            MIDDLE: (low + high)[None] / 2,
        }
        return {answer: self.errors(p, true) for answer, p in answers.items()}

    def points(self, one: Surface) -> Points:
        """Points of a cloud, or spread evenly over the triangles of a mesh."""
        if not len(one.faces):
            return one.points
        corners = one.points[one.faces]
        sides = corners[:, 1:] - corners[:, :1]
        areas = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2
        if not areas.sum():
            raise ValueError(
                f"{len(areas)} faces have no area together. Write faces of a surface, "
                "or points alone"
            )
        count = max(1, round(areas.sum() * self.rules.per_square_metre))
        rng = np.random.default_rng(0)
        chosen = rng.choice(len(areas), count, p=areas / areas.sum())
        u, v = rng.random((2, count, 1))
        over = u + v > 1
        u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
        return corners[chosen, 0] + u * sides[chosen, 0] + v * sides[chosen, 1]

    def errors(self, pred: Points, truth: Points) -> Arrays:
        """``values`` (K,) of the protocol's figures; nothing predicted is farthest."""
        far, near = self.rules.farthest_m, self.rules.threshold_m
        forth, back = np.full(1, far), np.full(len(truth), far)
        if len(pred):
            forth = np.minimum(nearest_distances(pred, truth), far)
            back = np.minimum(nearest_distances(truth, pred), far)
        precision, recall = np.mean(forth < near), np.mean(back < near)
        both = precision + recall
        f_score = 2 * precision * recall / both if both else 0.0
        found = (forth.mean(), back.mean(), precision, recall, f_score)
        values = dict(zip(KEYS, found))
        return {
            "values": np.array([values[key] for key in self.headline], np.float64),
            "points": np.array([len(pred), len(truth)]),
        }

    def figures(self, units: Sequence[Arrays]) -> Figures:
        means = np.mean([unit["values"] for unit in units], axis=0)
        return dict(zip(self.headline, means.tolist()))

    def counts(self, units: Sequence[Arrays]) -> dict[str, int]:
        own, true = np.sum([unit["points"] for unit in units], axis=0)
        return {"predicted points": int(own), "true points": int(true)}

    def nothing(self, truth: Surface) -> Surface:
        return Surface(np.zeros((0, 3)))

    def made_up(self) -> dict[str, Surface]:
        return made_up.units()

    def perfect(self, truth: Surface) -> Surface:
        return truth

    def broken(self) -> dict[str, Broken]:
        return made_up.broken()


def thinned(points: Points, voxel_m: float) -> Points:
    """(M, 3) the first point of each voxel, in the order of the cloud."""
    cells = np.floor(points / voxel_m).astype(np.int64)
    _, first = np.unique(cells, axis=0, return_index=True)
    return points[np.sort(first)]
