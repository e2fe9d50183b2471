"""What average precision needs of each frame or scene, on disk, to be drawn again.

AP is no mean over scenes: an interval over rooms ranks all predictions anew for every
choice of rooms. These arrays are enough for that, and small.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.instance_overlaps import SceneOverlaps
from vantage3d.evaluation.metrics_table import AP_KEYS
from vantage3d.evaluation.scannet_ap import (
    MIN_REGION,
    OVERLAPS,
    Outcomes,
    ap_summary,
    match_scene,
    resampled_precisions,
)
from vantage3d.io.arrays import load_arrays
from vantage3d.io.atomic import atomic_write

FILE = "instance_outcomes.npz"


@dataclass(frozen=True)
class SceneOutcomes:
    """Outcomes of S frames or scenes.

    Attributes:
        names: (S,) of the frames or scenes.
        n_true: (S, C) true instances of each class that are large enough.
        found: (S,) scored predictions of each.
    """

    names: list[str]
    n_true: NDArray[np.int64]
    found: list[Outcomes]

    def resampled(self, weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """(R, 3) AP, AP50 and AP25 where scenes count as ``weights`` (R, S) say."""
        classes = [str(number) for number in range(self.n_true.shape[1])]
        rows = resampled_precisions(self.found, self.n_true, len(OVERLAPS), weights)
        found = (ap_summary(aps, classes) for aps in rows)
        return np.array([[one[key] for key in AP_KEYS] for one in found])


def scene_outcomes(
    names: Sequence[str],
    scenes: Sequence[SceneOverlaps],
    n_classes: int,
    min_region: int = MIN_REGION,
) -> SceneOutcomes:
    """Match the predictions of scenes; see :class:`SceneOutcomes`."""
    large = [scene.gt_labels[scene.gt_sizes >= min_region] for scene in scenes]
    n_true = [np.bincount(labels, minlength=n_classes) for labels in large]
    return SceneOutcomes(
        list(names),
        np.reshape(n_true, (len(scenes), n_classes)),
        [match_scene(scene, OVERLAPS, min_region) for scene in scenes],
    )


def write_outcomes(path: Path, outcomes: SceneOutcomes) -> None:
    """Write a ``.npz`` that :func:`read_outcomes` reads."""
    arrays = {
        "names": np.array(outcomes.names, np.str_),
        "n_true": outcomes.n_true,
        "counts": np.array([len(one.score) for one in outcomes.found], np.int64),
    }
    for field in Outcomes._fields:
        arrays[field] = np.concatenate(
            [getattr(one, field) for one in outcomes.found] or [np.zeros(0)]
        )
    atomic_write(path, lambda file: np.savez_compressed(file, **arrays))


def read_outcomes(path: Path, remedy: str) -> SceneOutcomes:
    """What :func:`write_outcomes` wrote.

    Raises:
        FileNotFoundError: If the file is missing; ``remedy`` says what to do.
        ValueError: If it is damaged or another.
    """
    names = ("names", "n_true", "counts", *Outcomes._fields)
    arrays = load_arrays(path, "outcomes of instances", remedy, names)
    starts = np.cumsum(arrays["counts"])[:-1]
    parts = [np.split(arrays[field], starts) for field in Outcomes._fields]
    return SceneOutcomes(
        arrays["names"].tolist(),
        arrays["n_true"],
        [Outcomes._make(one) for one in zip(*parts)],
    )
