"""Every metric of ``measure_window`` in a validation or test run."""

import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from terminaltables import AsciiTable
from torch import Tensor

from vantage3d.evaluation.running_summary import RunningSummary, Summary
from vantage3d.evaluation.windows.contracts import (
    MetricOptions,
    Record,
    WindowPrediction,
    WindowTruth,
)
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.registry import METRICS

SHOWN = (
    "depth.full.abs_rel", "depth.full.delta1", "depth.building.abs_rel",
    "depth.building.delta1", "normals.full.angular_median", "normals.full.inlier_30",
    "normals.building.inlier_30", "planarity.building.inlier_ratio",
    "photometric.building.inlier_ratio", "photometric_truth.building.inlier_ratio",
    "pose.ate_trans", "pose.auc_30", "points.f_score",
)  # fmt: skip

REGIONS = ("full", "building", "non_building")
Packed = tuple[str, array]  # names, one per line, and values


@METRICS.register_module()
class WindowMetric(BaseMetric):
    """Means over frames, or over windows for what belongs to a window.

    Reads the batch of ``collate_views`` and predictions as :class:`DepthMetric` does,
    and ``pred_K`` if there. A window is reduced to its numbers when it is seen.

    A window without labels is an error if none before it had any, and else its building
    metrics are missing.

    Returns the mean of every metric by name, ``depth.REGION.abs_rel_by_pixel``, to
    which each frame counts by its pixels, and the total of every ``count.*``,
    ``count.windows`` and ``count.frames`` with them. What could not be measured takes
    no part; the printed table has the number of frames and the 95 % interval over
    windows.

    Args:
        seed: Of the intervals.
        collect_device: "cpu" or "gpu", for several processes.
        options: Of :class:`MetricOptions`.

    Raises:
        ValueError: If an option is out of range; with the window's name, if a window
            cannot be measured as asked.
    """

    default_prefix = ""

    def __init__(
        self, seed: int = 0, collect_device: str = "cpu", **options: Any
    ) -> None:
        super().__init__(collect_device=collect_device)
        lists = {k: tuple(v) for k, v in options.items() if isinstance(v, list)}
        self.options = MetricOptions(**(options | lists))
        self.seed = seed
        self.has_labels = False

    def process(self, data_batch: Mapping, data_samples: Sequence[dict]) -> None:
        """Reduce each window of a batch to its numbers."""
        names = data_batch["data_samples"]
        for i, outputs in enumerate(data_samples):
            inputs: Mapping[str, Tensor] = data_batch["inputs"]
            sample = {key: value[i] for key, value in inputs.items()} | names[i]
            truth = WindowTruth.from_sample(sample)
            self.has_labels |= truth.semantics is not None
            if self.has_labels and truth.semantics is None:
                truth = truth.unlabelled()
            prediction = WindowPrediction.from_outputs(outputs)
            record = measure_window(prediction, truth, self.options)
            self.results.append([pack(row) for row in (record.window, *record.frames)])

    def compute_metrics(self, results: list[list[Packed]]) -> Record:
        """Means over all windows and their frames."""
        summary = RunningSummary()
        for rows in results:
            summary.add(
                [dict(zip(names.split("\n"), values)) for names, values in rows]
            )
        print_log(summary_text(summary, self.seed), logger="current")
        frames = sum(len(rows) - 1 for rows in results)
        totals = {n: summary.total(n) for n in summary.names if n.startswith("count.")}
        means = {n: summary[n].mean for n in summary.names if n not in totals}
        weighted = {
            f"depth.{region}.abs_rel_by_pixel": summary.weighted_mean(
                f"depth.{region}.abs_rel", f"count.{region}.pixels"
            )
            for region in REGIONS
            if f"depth.{region}.abs_rel" in summary.names
        }
        counts = {"count.windows": float(len(results)), "count.frames": float(frames)}
        return {**means, **weighted, **totals, **counts}


def pack(record: Record) -> Packed:
    """A record in a few bytes per number: the names of many are one string."""
    return sys.intern("\n".join(record)), array("d", record.values())


def summary_text(summary: RunningSummary, seed: int) -> str:
    """Table of the main metrics: mean, interval, how many frames have it or lack it."""
    rows = [["", "mean", "95 % of windows", "median", "measured", "missing"]]
    found = summary.summaries(seed)
    rows += [_row(name, found[name]) for name in SHOWN if name in found]
    title = "Depth and cameras, mean over frames or windows"
    return f"{title}\n{AsciiTable(rows).table}"


def _row(name: str, row: Summary) -> list[str]:
    interval = f"{row.ci_low:.4f} .. {row.ci_high:.4f}"
    counts = str(row.count), str(row.missing)
    return [name, f"{row.mean:.4f}", interval, f"{row.median:.4f}", *counts]
