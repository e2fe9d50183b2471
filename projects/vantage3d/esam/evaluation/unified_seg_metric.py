"""The metric of ESAM: ScanNet instance AP, class-aware or class-agnostic."""

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from vantage3d.evaluation.instance_outcomes import (
    FILE,
    scene_outcomes,
    write_outcomes,
)
from vantage3d.evaluation.instance_overlaps import (
    SceneOverlaps,
    SceneTruth,
    partition_overlaps,
    scene_overlaps,
    scene_truth,
)
from vantage3d.evaluation.metrics_table import AP_KEYS, find
from vantage3d.evaluation.results.folder import Rows, beside_log, boxed, no_nan
from vantage3d.evaluation.scannet_ap import MIN_REGION, OVERLAPS, instance_ap
from vantage3d.evaluation.windows.contracts import numpy
from vantage3d.io.atomic import atomic_write, atomic_write_bytes
from vantage3d.io.names import check_public
from vantage3d.registry import METRICS

MODEL = "model"
SUPERPOINTS = "every superpoint an instance"
WHOLE = "one instance per frame"
METRIC_NAMES = {SUPERPOINTS: "every_superpoint/", WHOLE: "one_per_frame/"}
OVERALL = dict(zip(("ap", "ap50%", "ap25%"), AP_KEYS))
HEADER = [find(key).label for key in AP_KEYS]


@METRICS.register_module()
class UnifiedSegMetric(BaseMetric):
    """AP, AP50 and AP25 of predicted instances.

    Reads of each data sample ``pred_pts_seg`` (``pts_instance_mask[0]`` (P, N) bool,
    ``instance_labels`` (P,) thing index, ``instance_scores`` (P,)) and
    ``eval_ann_info`` (``pts_semantic_mask`` (N,) class index, ``pts_instance_mask``
    (N,) with things moved behind the stuff classes and -1 for none, ``lidar_idx``, and
    ``sp_pts_mask`` (N,) for the trivial answers). A scene is reduced to a small table
    of intersections when it is seen.

    Returns ``all_ap``, ``all_ap_50%``, ``all_ap_25%``; class-aware also ``CLASS/ap``,
    ``CLASS/ap50%`` and ``CLASS/ap25%`` of every class with true instances. Prints a
    table and writes ``instance_ap.json``, ``instance_ap.csv`` and, of each sample,
    ``instance_outcomes.npz``.

    Args:
        class_agnostic: Whether any instance may match any other; else the labels count.
        stuff_class_inds: Classes without instances, the first ones: 0..n-1.
        ignore_index: Semantic label of points without a class; by default the number
            of classes.
        trivial_baselines: Whether to evaluate, beside the model, the two answers that
            need none: every superpoint an instance, and one instance per frame, each
            of score 1 and, class-aware, with its most frequent true class.
        min_region: Smallest instance in points; ScanNet's is 100.
        result_dir: Where the files go; by default where the run's log file is.
        predictions_dir: Where to write the instances of every frame as ``.npz``:
            masks over the points of ``points/<id>.bin``, names of classes, scores; by
            default nowhere.
        collect_device: "cpu" or "gpu", for several processes.

    Raises:
        ValueError: If the stuff classes are not the first ones; with the sample's name,
            if labels and predictions have unequal lengths or a label is out of range.
    """

    default_prefix = ""  # the keys stand alone: checkpoint rules name all_ap_50%

    def __init__(
        self,
        class_agnostic: bool,
        stuff_class_inds: Sequence[int] = (0, 1),
        ignore_index: int | None = None,
        trivial_baselines: bool = False,
        min_region: int = MIN_REGION,
        result_dir: str | None = None,
        predictions_dir: str | None = None,
        collect_device: str = "cpu",
    ) -> None:
        super().__init__(collect_device=collect_device)
        if list(stuff_class_inds) != list(range(len(stuff_class_inds))):
            raise ValueError(
                "`stuff_class_inds` must be 0..n-1, got "
                f"{list(stuff_class_inds)}: things are numbered behind them."
            )
        self.class_agnostic = class_agnostic
        self.n_stuff = len(stuff_class_inds)
        self.ignore_index = ignore_index
        self.trivial_baselines = trivial_baselines
        self.min_region = min_region
        self.result_dir = result_dir
        self.predictions_dir = predictions_dir

    @property
    def class_names(self) -> list[str]:
        """Names of the classes that AP is computed for."""
        return ["object"] if self.class_agnostic else self._classes()[self.n_stuff :]

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Reduce each sample to the intersections of its instances."""
        for sample in data_samples:
            annotation = sample["eval_ann_info"]
            try:
                found = self._reduce(sample["pred_pts_seg"], annotation)
            except ValueError as error:
                name = annotation.get("lidar_idx", "without lidar_idx")
                raise ValueError(f"Sample {name}: {error}") from error
            self.results.append((annotation.get("lidar_idx", ""), found))
            if self.predictions_dir is not None:
                folder, name = Path(self.predictions_dir), annotation["lidar_idx"]
                self._write_prediction(folder, sample["pred_pts_seg"], name)

    def compute_metrics(self, results: list[tuple[str, dict]]) -> dict:
        """AP over all samples; prints and writes the report."""
        names, results = [name for name, _ in results], [found for _, found in results]
        answers = {
            name: instance_ap(
                [result[name] for result in results], self.class_names, self.min_region
            )
            for name in (results[0] if results else {MODEL: None})
        }
        print_log(self._text(answers, results), logger="current")
        self._write(answers, results, names)
        return self._metrics(answers)

    def _reduce(self, prediction: dict, annotation: dict) -> dict[str, SceneOverlaps]:
        truth = self._truth(annotation)
        scores = numpy(prediction["instance_scores"])
        labels = self._labels(prediction)
        masks = numpy(prediction["pts_instance_mask"][0])
        model = scene_overlaps(truth, masks, labels, scores)
        # the order of equal answers must not matter: see the overlap of 0.25
        answers = {MODEL: model.select(np.argsort(-model.pred_scores, kind="stable"))}
        if self.trivial_baselines:
            superpoints = numpy(annotation["sp_pts_mask"])
            answers[SUPERPOINTS] = partition_overlaps(truth, superpoints)
            answers[WHOLE] = partition_overlaps(truth, np.zeros_like(superpoints))
        return {
            name: scene.select(scene.pred_sizes >= self.min_region)
            for name, scene in answers.items()
        }

    def _labels(self, prediction: dict) -> np.ndarray:
        labels = numpy(prediction["instance_labels"])
        return np.zeros_like(labels) if self.class_agnostic else labels

    def _truth(self, annotation: dict) -> SceneTruth:
        """Things only: stuff and unlabelled points are void."""
        semantic = numpy(annotation["pts_semantic_mask"])
        instances = numpy(annotation["pts_instance_mask"]) - self.n_stuff
        n_classes = len(self._classes())
        ignore = n_classes if self.ignore_index is None else self.ignore_index
        wrong = ((semantic < 0) | (semantic >= n_classes)) & (semantic != ignore)
        if wrong.any():
            raise ValueError(
                f"`pts_semantic_mask` must lie in 0..{n_classes - 1} or be the ignored "
                f"{ignore}, got {semantic[wrong][0]}. Give `ignore_index`, or map the "
                "labels to class indices."
            )
        labels = np.where(semantic == ignore, -1, semantic - self.n_stuff)
        if self.class_agnostic:
            labels = np.minimum(labels, 0)
        return scene_truth(labels, instances)

    def _classes(self) -> list[str]:
        meta = self.dataset_meta or {}
        if "classes" not in meta:
            raise KeyError(
                "UnifiedSegMetric needs `classes` in the dataset's METAINFO, got the "
                f"keys {sorted(meta)}."
            )
        return list(meta["classes"])

    def _text(self, answers: dict, results: list[dict]) -> str:
        kind = "class-agnostic" if self.class_agnostic else "class-aware"
        about = [f"{name} {value}" for name, value in self._about().items()]
        counts = self._counts(results)
        return (
            f"Instance AP, {', '.join([kind, *about])}: {counts['scenes']} scenes, "
            f"{counts['instances']} true and {counts['predictions']} predicted "
            f"instances of at least {self.min_region} points\n{ap_table(answers)}"
        )

    def _about(self) -> dict[str, Any]:
        """What else the numbers depend on, to be told with them."""
        return {}

    def _counts(self, results: list[dict]) -> dict[str, int]:
        scenes = [result[MODEL] for result in results]
        return {
            "scenes": len(scenes),
            "instances": sum(
                int((s.gt_sizes >= self.min_region).sum()) for s in scenes
            ),
            "predictions": sum(len(s.pred_sizes) for s in scenes),
        }

    def _write(self, answers: dict, results: list[dict], names: list[str]) -> None:
        folder = beside_log(self.result_dir)
        if folder is None:
            return
        content = {
            "class_agnostic": self.class_agnostic,
            **self._about(),
            "min_region": self.min_region,
            "overlaps": np.round(OVERLAPS, 2).tolist(),
            **self._counts(results),
            "answers": answers,
        }
        text = json.dumps(no_nan(content), indent=1) + "\n"
        atomic_write_bytes(folder / "instance_ap.json", text.encode())
        atomic_write_bytes(folder / "instance_ap.csv", ap_csv(answers).encode())
        models, classes = [result[MODEL] for result in results], len(self.class_names)
        outcomes = scene_outcomes(names, models, classes, self.min_region)
        write_outcomes(folder / FILE, outcomes)
        print_log(f"AP written to {folder}/instance_ap.json and .csv", "current")

    def _write_prediction(self, folder: Path, prediction: dict, name: str) -> None:
        """Masks (P, N) over the frame's points, classes (P,) by name, scores (P,)."""
        name = check_public(name, f"a sample predicted into {folder}")
        labels, names = self._labels(prediction), self.class_names
        arrays = {
            "masks": numpy(prediction["pts_instance_mask"][0]),
            "classes": np.array([names[label] for label in labels], np.str_),
            "scores": numpy(prediction["instance_scores"]).astype(np.float32),
        }
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.npz"
        atomic_write(path, lambda file: np.savez_compressed(file, **arrays))

    def _metrics(self, answers: dict[str, dict]) -> dict[str, float]:
        metrics = {}
        for name, answer in answers.items():
            prefix = METRIC_NAMES.get(name, "")
            metrics |= {prefix + key: answer[key] for key in AP_KEYS}
        classes = {} if self.class_agnostic else answers[MODEL]["classes"]
        return metrics | {
            f"{name}/{key}": value
            for name, row in classes.items()
            for key, value in row.items()
            if not np.isnan(value)
        }


def ap_table(answers: dict[str, dict]) -> str:
    """Text table: the classes of the first answer, then each answer overall.

    Classes without true instances have no row.
    """
    classes = next(iter(answers.values()))["classes"]
    rows = {name: row for name, row in classes.items() if not math.isnan(row["ap"])}
    lines = [*(rows.items() if len(rows) > 1 else ())]
    lines += [(name, _overall(answer)) for name, answer in answers.items()]
    body = [[name, *(f"{row[key]:.4f}" for key in OVERALL)] for name, row in lines]
    return boxed(Rows(["", *HEADER], body))


def ap_csv(answers: dict[str, dict]) -> str:
    """CSV with the columns answer, class, ap, ap50, ap25; class "all" is the mean.

    A class without true instances has empty cells.
    """
    cells = [
        [name, label, *(no_nan(row[key]) for key in OVERALL)]
        for name, answer in answers.items()
        for label, row in {"all": _overall(answer), **answer["classes"]}.items()
    ]
    header = ["answer", "class", "ap", "ap50", "ap25"]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *cells])
    return text.getvalue()


def _overall(answer: dict) -> dict[str, float]:
    return {key: answer[overall] for key, overall in OVERALL.items()}
