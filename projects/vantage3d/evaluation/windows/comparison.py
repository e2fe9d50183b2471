"""Several answers to the same windows, each against measured and exact depth."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.results.folder import beside_log
from vantage3d.evaluation.results.records import (
    MeasuredWindow,
    no_nan,
    summarise,
    values,
)
from vantage3d.evaluation.results.table import Rows, boxed
from vantage3d.evaluation.windows.contracts import (
    MetricOptions,
    Record,
    WindowPrediction,
    WindowTruth,
    numpy,
)
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.geometry import invert_rigid
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.registry import METRICS

RANGE = 80.0  # metres, where evaluations on KITTI end
# Name of a truth to its key in the batch and its farthest metres.
TRUTHS = {
    "LiDAR": ("depth", RANGE),
    "dense": ("exact_depths", math.inf),
    "dense < 80 m": ("exact_depths", RANGE),
}
SHOWN = ("depth.full.abs_rel", "depth.full.delta1", "depth.full.rmse")
AUC = "pose.auc_30"
COLUMNS = [f"{truth}/{key}" for key in SHOWN for truth in TRUTHS] + [AUC]
FILE = "depth_comparison.json"
TYPICAL = "typical depth"
KEYS = ("depth", "world2cam")  # of a prediction, behind its prefix


@METRICS.register_module()
class DepthComparison(BaseMetric):
    """A table of answers: what is known without looking, before, after.

    Every answer is brought onto the truth it is compared with by the same alignment,
    once per window, and measured by ``measure_window``. Dense truth is counted twice:
    wherever there is a surface, and up to 80 metres, where evaluations on KITTI end.
    Reads batches of :class:`ExactViews`.

    Returns ``<answer>/<truth>/<key>`` for AbsRel, delta1 and RMSE of depth, and
    ``<answer>/pose.auc_30``, keys of ``metrics_table``; writes these and the other
    errors of depth to ``depth_comparison.json``.

    Args:
        answers: Name of a row to the prefix of its keys in the predictions: "pred", or
            "base" (see ``predict_base`` of :class:`VGGTEstimator`). The last row is
            compared with the one above it.
        align: One of ``depth_alignment.ALIGNMENTS``.
        result_dir: Folder of the file; by default beside the log.
        collect_device: "cpu" or "gpu", for several processes.

    Raises:
        ValueError: If the alignment is unknown or there is no answer.
    """

    default_prefix = ""

    def __init__(
        self,
        answers: Mapping[str, str],
        align: str = "median",
        result_dir: str | None = None,
        collect_device: str = "cpu",
    ) -> None:
        super().__init__(collect_device=collect_device)
        if not answers:
            raise ValueError("`answers` must name at least one row, got none.")
        self.answers = dict(answers)
        self.options = MetricOptions(align=align, building=(), groups=("depth",))
        self.result_dir = result_dir

    def process(self, data_batch: Mapping, data_samples: Sequence[dict]) -> None:
        """Reduce each window of a batch to its numbers, by answer and truth."""
        with_poses = replace(self.options, groups=("depth", "pose"))
        for i, outputs in enumerate(data_samples):
            inputs = {key: value[i] for key, value in data_batch["inputs"].items()}
            truths = {}
            for name, (key, farthest) in TRUTHS.items():
                depth = numpy(inputs[key])
                valid = (depth > 0) & (depth <= farthest)
                cam2world = numpy(inputs["cam2world"]).astype(np.float64)
                bare = WindowTruth.of_depth(depth, valid)
                truths[name] = replace(bare, world2cam=invert_rigid(cam2world))
            guess = WindowPrediction(numpy(inputs["typical_depths"]))
            rows = {TYPICAL: (guess, self.options)}
            for name, prefix in self.answers.items():
                own = {f"pred_{k}": outputs[f"{prefix}_{k}"] for k in KEYS}
                rows[name] = WindowPrediction.from_outputs(own), with_poses
            self.results.append(
                {
                    (name, kind): measure_window(answer, truth, options)
                    for name, (answer, options) in rows.items()
                    for kind, truth in truths.items()
                }
            )

    def compute_metrics(self, results: list[dict[tuple[str, str], Any]]) -> Record:
        """Means over all frames and windows."""
        rows: dict[str, Record] = {name: {} for name in (TYPICAL, *self.answers)}
        for name, truth in results[0]:
            found = (window[name, truth] for window in results)
            records = [MeasuredWindow("", w.frames, w.window) for w in found]
            for key, value in values(summarise(records)).items():
                group = key.partition(".")[0]
                if group == "depth":
                    rows[name][f"{truth}/{key}"] = value
                elif group == "pose":  # of no truth in particular
                    rows[name][key] = value
        table = self._table(rows)
        text = (
            f"Depth of {len(results)} windows, each answer aligned to each truth by "
            f"its {self.options.align}, once per window; RMSE in metres, mean over "
            f"frames\n{table}"
        )
        print_log(text, logger="current")
        self._write(rows, len(results))
        return {
            f"{name}/{key}": row[key]
            for name, row in rows.items()
            for key in COLUMNS
            if key in row
        }

    def _table(self, rows: dict[str, Record]) -> str:
        keys = [key.split("/")[::-1] for key in COLUMNS]
        titles = ["\n".join([find(key).label, *truth]) for key, *truth in keys]
        lines = [[name, *_cells(row)] for name, row in rows.items()]
        if len(self.answers) > 1:
            before, after = list(rows.values())[-2:]
            lines.append(["change", *_changes(before, after)])
        return boxed(Rows(["", *titles], lines))

    def _write(self, rows: dict[str, Record], windows: int) -> None:
        folder = beside_log(self.result_dir)
        if folder is None:
            return
        facts = {"align": self.options.align, "windows": windows, "answers": rows}
        text = json.dumps(no_nan(facts), indent=1) + "\n"
        atomic_write_bytes(folder / FILE, text.encode())
        print_log(f"Written to {folder / FILE}", logger="current")


def _cells(row: Record) -> list[str]:
    return [
        f"{row[key]:.{2 if 'rmse' in key else 3}f}" if key in row else ""
        for key in COLUMNS
    ]


def _changes(before: Record, after: Record) -> list[str]:
    """Per cent of before, nothing of 0; of AUC the difference."""
    cells = []
    for key in COLUMNS:
        old, new = before[key], after[key]
        if key == AUC:
            cells.append(f"{new - old:+.3f}")
        else:
            cells.append(f"{100 * (new / old - 1):+.1f} %" if old else "")
    return cells
