"""Depth of the anchors of a test set, the points behind it, and PNG files.

Without numbers of the points a network that never triangulates cannot be told from one
that does: it guesses depth from the anchor alone, and every spacing of the views gives
the same dense numbers.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import get_rank, get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor
from torch.nn import functional

from vantage3d.checks import check_choice
from vantage3d.deltas.evaluation.sparse_points import (
    SPARSE,
    JudgedPoints,
    Triangulated,
    doubts,
    judge_points,
    summarise_geometry,
    summarise_points,
    view_geometry,
)
from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.results.folder import (
    MeasuredWindow,
    Record,
    summarise,
    write_tables,
)
from vantage3d.evaluation.results.windows import UNLABELLED, EvaluationWindow
from vantage3d.evaluation.stereo_depth import (
    AGGREGATIONS,
    EIGHT,
    RATIO,
    DepthRange,
    anchor_record,
    scale_warning,
    summarise_anchors,
)
from vantage3d.evaluation.windows.contracts import numpy
from vantage3d.io.atomic import atomic_write
from vantage3d.io.depth_files import write_millimetre_png
from vantage3d.registry import METRICS

RESOLUTIONS = ("network", "native")
CAMERAS = ("depth", "K", "cam2world")  # of the batch
OF_POINTS = ("keypoints", "points_anchor", "point_valid")  # of a prediction


@METRICS.register_module()
class TriangulatedDepthMetric(BaseMetric):
    """Errors of an anchor's depth, checked, and of the points that it was made from.

    Reads of each prediction ``pred_depth`` and, where it has them, ``keypoints``,
    ``points_anchor``, ``point_valid`` and ``chance``; of the batch ``depth``, ``K`` and
    ``cam2world`` (see :mod:`vantage3d.deltas.models`). Each image is reduced to numbers
    when it is seen.

    Returns the numbers by their keys in ``metrics_table``: ``depth.full.*`` as every
    other depth, of the true pixels in range, in metres without an alignment, and, of
    networks with keypoints, ``sparse.*`` (:mod:`sparse_points`).

    Args:
        min_depth: Smallest true depth that is evaluated, metres.
        max_depth: Largest. The two belong to the evaluation alone: rows are comparable
            only if they are the same, whatever range the network searches.
        eval_resolution: "network": true depth at the network's size; "native": the
            prediction resized (bilinear) to the size of the depth files, which the
            dataset must give as ``native_depth`` of each sample.
        aggregation: "images" or "legacy", see
            :func:`vantage3d.evaluation.stereo_depth.summarise_anchors`.
        search_range: Range of depth in which matches are searched, metres, for the
            epipolar length.
        export_dir: Folder for ``<name>.png``, uint16 millimetres, 0 none; None: none.
        keypoints_file: ``.npz`` for every keypoint with true depth, see
            :func:`write_points`; None: none.
        collect_device: "cpu" or "gpu", for several processes.

    Raises:
        ValueError: If a choice is unknown; with the sample's name, if its prediction is
            not finite or has another size than the truth, or if native depth is asked
            for and absent; and if the numbers contradict each other.
    """

    default_prefix = ""  # the keys stand alone: `save_best` names depth.full.abs_rel

    def __init__(
        self,
        min_depth: float = 0.5,
        max_depth: float = 10.0,
        eval_resolution: str = "network",
        aggregation: str = "images",
        search_range: Sequence[float] = (0.5, 10.0),
        export_dir: str | None = None,
        keypoints_file: str | None = None,
        collect_device: str = "cpu",
    ) -> None:
        super().__init__(collect_device=collect_device)
        check_choice("eval_resolution", eval_resolution, RESOLUTIONS)
        check_choice("aggregation", aggregation, AGGREGATIONS)
        if not 0 < min_depth < max_depth:
            raise ValueError(
                "`min_depth` and `max_depth` must be 0 < min < max metres, got "
                f"{min_depth} and {max_depth}."
            )
        self.limits = DepthRange(min_depth, max_depth)
        self.native = eval_resolution == "native"
        self.aggregation = aggregation
        self.search = (search_range[0], search_range[1])
        self.export_dir = None if export_dir is None else Path(export_dir)
        self.keypoints_file = keypoints_file
        self._batch = get_rank()

    def process(self, data_batch: Mapping, data_samples: Sequence[dict]) -> None:
        """Reduce each image of a batch to its numbers."""
        for i, prediction in enumerate(data_samples):
            sample = data_batch["data_samples"][i]
            inputs = {key: data_batch["inputs"][key][i] for key in CAMERAS}
            try:
                values = self._reduce(prediction, sample, inputs)
            except ValueError as error:
                raise ValueError(f"sample {sample['name']}: {error}") from error
            self.results.append({**values, "batch": self._batch})
        self._batch += get_world_size()

    def compute_metrics(self, results: list[dict[str, Any]]) -> Record:
        """The numbers of the test set."""
        batches: dict[Any, list[dict[str, Any]]] = {}
        for values in results:
            batches.setdefault(values["batch"], []).append(values)
        records = [[v["depth"] for v in batch] for batch in batches.values()]
        metrics = summarise_anchors(records, self.aggregation)
        with_points = [values for values in results if "points" in values]
        judged = {values["anchor"]: values["points"] for values in with_points}
        if judged:
            metrics |= summarise_geometry(with_points)
            metrics |= summarise_points([values["points"] for values in with_points])
        if judged and self.keypoints_file is not None:
            write_points(self.keypoints_file, judged)
        if self.keypoints_file is not None:
            write_anchors(Path(self.keypoints_file).parent, results)
        print_log(self._text(metrics), logger="current")
        notes = doubts(metrics) if judged else []
        warning = scale_warning(metrics[RATIO])
        for note in [*([] if warning is None else [warning]), *notes]:
            print_log(note, logger="current", level=logging.WARNING)
        self._batch = get_rank()
        return metrics

    def _reduce(
        self, prediction: Mapping, sample: Mapping, inputs: Mapping
    ) -> dict[str, Any]:
        pred = dense = prediction["pred_depth"].float()
        truth = numpy(inputs["depth"][0])
        if self.native:
            if "native_depth" not in sample:
                raise ValueError(
                    "eval_resolution='native' needs `native_depth` of each sample, got "
                    f"{sorted(sample)}. Set native_depth=True in the dataset"
                )
            truth = numpy(sample["native_depth"])
            pred = resize_depth(pred, truth.shape)
        if self.export_dir is not None:
            path = self.export_dir / f"{sample['name']}.png"
            write_millimetre_png(path, numpy(pred))
        values = {
            "depth": anchor_record(numpy(pred), truth, self.limits),
            "anchor": anchor_of(sample["name"]),
        }
        if "keypoints" not in prediction:
            return values
        cameras = {key: value.to(pred.device) for key, value in inputs.items()}
        found = Triangulated(*(prediction[key] for key in OF_POINTS))
        chance = {
            name: Triangulated(found.keypoints, *pair)
            for name, pair in prediction.get("chance", {}).items()
        }
        return {
            **values,
            "points": judge_points(found, dense, chance, cameras, self.limits),
            "triangulated": float(found.valid.float().mean()),
            **view_geometry(found.keypoints, cameras, self.search),
        }

    def _text(self, metrics: Record) -> str:
        eight, sparse = (
            ", ".join(f"{find(k).label} {metrics[k]:.4f}" for k in keys if k in metrics)
            for keys in (EIGHT, SPARSE)
        )
        without = metrics["count.frames_without_depth"]
        clamped = metrics["count.clamped_pixels"] / metrics["count.full.pixels"]
        return (
            f"Depth {self.limits.smallest:g} to {self.limits.largest:g} m at "
            f"{'native' if self.native else 'network'} resolution, {self.aggregation} "
            f"of {metrics['count.frames'] - without:g} images ({without:g} more "
            f"without depth, {clamped:.2%} of pixels clamped): {eight}."
            f"{' Sparse points: ' if sparse else ''}{sparse}"
        )


def resize_depth(depth: Tensor, size: Sequence[int]) -> Tensor:
    """(h, w) predicted depth at another size, bilinear, pixel centres kept."""
    resized = functional.interpolate(
        depth[None, None], list(size), mode="bilinear", align_corners=False
    )
    return resized[0, 0]


def anchor_of(name: str) -> str:
    """``room/1`` of the sample ``room/1-0-2``: its anchor, whatever its views."""
    sequence, slash, numbers = name.rpartition("/")
    return f"{sequence}{slash}{numbers.partition('-')[0]}"


def write_anchors(folder: Path, results: Sequence[Mapping[str, Any]]) -> None:
    """Tables of the anchors, of which paired intervals over scenes can be made."""
    windows, records = [], []
    for values in results:
        sequence, _, number = values["anchor"].rpartition("/")
        window = EvaluationWindow(
            values["anchor"], sequence, (int(number),), UNLABELLED
        )
        windows.append(window)
        records.append(MeasuredWindow(window.id, [values["depth"]]))
    write_tables(folder, windows, records, summarise(windows, records))


def write_points(path: str | Path, judged: Mapping[str, JudgedPoints]) -> None:
    """Write the keypoints of anchors one after the other, their names and counts."""
    anchors, points = list(judged), list(judged.values())
    counts = [len(one.truth) for one in points]
    arrays = {
        name: np.concatenate([getattr(one, name) for one in points])
        for name in ("pixels", "truth", "found", "dense")
    }
    atomic_write(
        path, lambda file: np.savez(file, anchor=anchors, count=counts, **arrays)
    )
