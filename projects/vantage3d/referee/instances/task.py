"""Instances of scans and frames: ScanNet's average precision under a protocol."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_choice, check_positive
from vantage3d.evaluation.instance_overlaps import (
    SceneOverlaps,
    SceneTruth,
    partition_overlaps,
    scene_overlaps,
    scene_truth,
)
from vantage3d.evaluation.intervals import cluster_of
from vantage3d.evaluation.metrics_table import AP_KEYS
from vantage3d.evaluation.scannet_ap import (
    Outcomes,
    ap_summary,
    match_scene,
    pooled_precisions,
    resampled_precisions,
)
from vantage3d.referee.instances import frames, made_up, predictions, truth
from vantage3d.referee.instances.classes import TABLES, ClassTable
from vantage3d.referee.instances.data import (
    PredictedInstances,
    TrueInstances,
    onto_truth,
)
from vantage3d.referee.task import MODEL, Arrays, Broken, Figures, Task

SEGMENTS, WHOLE = "every superpoint", "one instance for all"
SCANS, FRAMES = "scans", "frames"
FILE_ORDER, BEST_FIRST = "file-order", "best-first"


@dataclass(frozen=True)
class InstanceRules:
    """The choices of a protocol of instances; its files say what each means."""

    unit: str
    classes: str
    class_agnostic: bool
    overlaps: tuple[float, float, float]  # from, below, step
    min_region: int
    void: str
    matching: str
    averaging: str
    transfer: str
    transfer_limit_m: float
    smoothing: str

    def __post_init__(self) -> None:
        check_choice("unit", self.unit, [SCANS, FRAMES])
        check_choice("classes", self.classes, TABLES)
        check_choice("void", self.void, ["share"])
        check_choice("matching", self.matching, [FILE_ORDER, BEST_FIRST])
        check_choice("averaging", self.averaging, ["classes"])
        check_choice("transfer", self.transfer, ["none", "nearest"])
        check_choice("smoothing", self.smoothing, ["none", "segments"])
        check_positive("min_region", self.min_region)
        check_positive("transfer_limit_m", self.transfer_limit_m)
        if len(self.overlaps) != 3 or self.overlaps[0] != 0.5:
            raise ValueError(
                "`overlaps` must be [0.5, below, step], for AP50 is among them, got "
                f"{list(self.overlaps)}"
            )


class InstancesTask(Task[PredictedInstances, TrueInstances]):
    """AP, AP50 and AP25 of masks over points."""

    name = "instances"
    readers = (
        predictions.OwnNpz,
        predictions.PointsFirstNpz,
        predictions.PredPtsSegNpz,
        predictions.NpyFolder,
        predictions.BenchmarkText,
        frames.PredictedFrames,
    )
    truth_readers = (
        truth.OwnTruth,
        truth.BenchmarkTruth,
        truth.InfoTruth,
        frames.ImageTruth,
    )
    Rules = InstanceRules

    @property
    def unit(self) -> str:
        return self.rules.unit

    @property
    def headline(self) -> tuple[str, ...]:
        return AP_KEYS

    @property
    def table(self) -> ClassTable:
        """Classes of the protocol."""
        return TABLES[self.rules.classes]

    @property
    def class_names(self) -> list[str]:
        """Names of what AP is the mean of."""
        return ["object"] if self.rules.class_agnostic else self.table.names

    @property
    def overlaps(self) -> NDArray[np.float64]:
        """(T,) 0.50 first and 0.25 last; floats as in ScanNet's script."""
        return np.append(np.arange(*self.rules.overlaps), 0.25)

    def measure(
        self, name: str, pred: PredictedInstances, truth: TrueInstances
    ) -> dict[str, Arrays]:
        pred.check()
        truth.check()
        limit = self.rules.transfer_limit_m if self.rules.transfer != "none" else None
        pred = onto_truth(pred, truth, limit, self.rules.smoothing == "segments")
        true = self._truth(truth)
        labels, kept = self._labels(pred)
        masks = pred.masks if kept.all() else pred.masks[kept]  # no copy of all
        found = scene_overlaps(true, masks, labels, pred.scores[kept])
        answers = {MODEL: found}
        left_out = np.array((~kept).sum())
        segments = pred.segments if truth.segments is None else truth.segments
        if segments is not None:
            _, parts = np.unique(segments, return_inverse=True)
            answers[SEGMENTS] = partition_overlaps(true, parts)
        answers[WHOLE] = partition_overlaps(true, np.zeros(len(true.column), np.int64))
        return {
            answer: {**self._reduced(one), "left_out": left_out}
            for answer, one in answers.items()
        }

    def _truth(self, truth: TrueInstances) -> SceneTruth:
        """Instances of classes that have them; all other points are void."""
        if truth.classes is None:
            if not self.rules.class_agnostic:
                raise ValueError(
                    "the truth has no `classes`, and the protocol tells them apart. "
                    "Give them, or choose a class-agnostic protocol"
                )
            return scene_truth(np.minimum(truth.instances, 0), truth.instances)
        labels = self.table.places(truth.classes, "classes of the truth")
        if self.rules.class_agnostic:
            labels = np.minimum(labels, 0)
        return scene_truth(labels, truth.instances)

    def _labels(
        self, pred: PredictedInstances
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Places among the things of what is kept, and what is: no stuff."""
        count = len(pred.scores)
        if self.rules.class_agnostic:
            return np.zeros(count, np.int64), np.ones(count, bool)
        if pred.classes is None:
            raise ValueError(
                "the prediction has no classes, and the protocol tells them apart. "
                "Give them, or choose a class-agnostic protocol"
            )
        places = self.table.places(pred.classes, "predicted classes")
        return places[places >= 0], places >= 0

    def _reduced(self, scene: SceneOverlaps) -> Arrays:
        """What AP needs of a scene, whichever others stand beside it."""
        if self.rules.matching == BEST_FIRST:
            scene = scene.select(np.argsort(-scene.pred_scores, kind="stable"))
        found = match_scene(scene, self.overlaps, self.rules.min_region)
        large = scene.gt_labels[scene.gt_sizes >= self.rules.min_region]
        return found._asdict() | {
            "n_true": np.bincount(large, minlength=len(self.class_names)),
            "predictions": np.array((scene.pred_sizes >= self.rules.min_region).sum()),
        }

    def figures(self, units: Sequence[Arrays]) -> Figures:
        outcomes = [Outcomes(*(unit[k] for k in Outcomes._fields)) for unit in units]
        n_true = np.sum([unit["n_true"] for unit in units], 0)
        aps = pooled_precisions(outcomes, n_true, len(self.overlaps))
        found = ap_summary(aps, self.class_names)
        figures = {key: found[key] for key in AP_KEYS}
        if not self.rules.class_agnostic:
            figures |= {
                f"{name}/{key}": value
                for name, row in found["classes"].items()
                for key, value in row.items()
            }
        return figures

    def resampled(
        self, units: Sequence[Arrays], weights: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        outcomes = [Outcomes._make(unit[k] for k in Outcomes._fields) for unit in units]
        n_true = np.array([unit["n_true"] for unit in units])
        aps = resampled_precisions(outcomes, n_true, len(self.overlaps), weights)
        found = (ap_summary(one, self.class_names) for one in aps)
        return np.array([[one[key] for key in AP_KEYS] for one in found])

    def counts(self, units: Sequence[Arrays]) -> dict[str, int]:
        return {
            "true instances": int(sum(unit["n_true"].sum() for unit in units)),
            "predictions": int(sum(unit["predictions"] for unit in units)),
            "of classes that are not judged": int(sum(u["left_out"] for u in units)),
        }

    def nothing(self, truth: TrueInstances) -> PredictedInstances:
        none = np.zeros(0, np.int64)
        masks = np.zeros((0, len(truth.instances)), bool)
        return PredictedInstances(masks, np.zeros(0), none)

    def cluster(self, name: str) -> str:
        """The recording of a frame, the room of a scan: ScanNet has several of one."""
        frame = self.rules.unit == FRAMES
        return cluster_of(name.rpartition("_")[0] if frame else name)

    def made_up(self) -> dict[str, TrueInstances]:
        return made_up.units(list(self.table.things), self.rules.min_region)

    def perfect(self, truth: TrueInstances) -> PredictedInstances:
        return made_up.perfect(truth)

    def broken(self) -> dict[str, Broken]:
        return made_up.broken(self.rules.class_agnostic)
