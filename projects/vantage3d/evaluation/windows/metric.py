"""The numbers of windows in a validation or test run."""

import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from vantage3d.evaluation.metrics_table import HEADLINE
from vantage3d.evaluation.results.folder import beside_log, write_tables
from vantage3d.evaluation.results.records import (
    MeasuredWindow,
    Statistics,
    summarise,
    values,
)
from vantage3d.evaluation.results.table import Rows, boxed
from vantage3d.evaluation.results.windows import UNLABELLED, EvaluationWindow, window_id
from vantage3d.evaluation.windows.contracts import (
    MetricOptions,
    Record,
    WindowPrediction,
    WindowTruth,
)
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.registry import METRICS

FOLDER = "depth_metrics"
Packed = tuple[str, array]  # keys, one per line, and values


@METRICS.register_module()
class DepthMetric(BaseMetric):
    """The metrics of ``measure_window``, each averaged as the table of metrics says.

    Reads of each prediction ``pred_depth`` (V, H, W) in any unit and, if there,
    ``pred_world2cam`` (V, 4, 4), ``pred_K`` and ``pred_points``; of the batch what
    :meth:`WindowTruth.from_sample` reads. A window is reduced to its numbers when it is
    seen.

    A window without labels is an error if none before it had any, and else its building
    metrics are missing.

    Returns the numbers by their keys in ``metrics_table``: the same keys and numbers as
    in the result folders of ``tools/evaluate_depth.py``. What could not be measured
    takes no part; the printed table has the number of frames and the 95 % interval
    over windows.

    Args:
        tables: Whether to leave ``metrics.json``, ``windows.csv`` and ``frames.csv`` as
            ``tools/evaluate_depth.py`` does.
        result_dir: Folder of the tables; by default ``depth_metrics`` beside the log.
        collect_device: "cpu" or "gpu", for several processes.
        options: Arguments of :class:`MetricOptions`, such as ``groups`` and ``align``.

    Raises:
        ValueError: If an option is out of range; with the window's name, if a window
            cannot be measured as asked.
    """

    default_prefix = ""  # keys stand alone: `save_best` names depth.full.abs_rel

    def __init__(
        self,
        tables: bool = False,
        result_dir: str | None = None,
        collect_device: str = "cpu",
        **options: Any,
    ) -> None:
        super().__init__(collect_device=collect_device)
        lists = {k: tuple(v) for k, v in options.items() if isinstance(v, list)}
        self.options = MetricOptions(**(options | lists))
        self.tables, self.result_dir = tables, result_dir
        self.has_labels = False

    def process(self, data_batch: Mapping, data_samples: Sequence[dict]) -> None:
        """Reduce each window of a batch to its numbers."""
        for i, outputs in enumerate(data_samples):
            inputs = {key: value[i] for key, value in data_batch["inputs"].items()}
            truth = WindowTruth.from_sample(inputs | data_batch["data_samples"][i])
            self.has_labels |= truth.semantics is not None
            if self.has_labels and truth.semantics is None:
                truth = truth.unlabelled()
            frames = tuple(map(int, truth.names))
            try:
                prediction = WindowPrediction.from_outputs(outputs)
                record = measure_window(prediction, truth, self.options)
            except ValueError as error:
                raise ValueError(
                    f"Window of {truth.sequence}, frames {list(frames)}: {error}"
                ) from error
            packed = [pack(row) for row in (record.window, *record.frames)]
            self.results.append((truth.sequence, frames, packed))

    def compute_metrics(self, results: list[Any]) -> Record:
        """Means over all windows and their frames; writes the tables."""
        windows, records = [], []
        for sequence, frames, packed in results:
            name = window_id(sequence, frames)
            whole, *rows = (dict(zip(k.split("\n"), v)) for k, v in packed)
            windows.append(EvaluationWindow(name, sequence, frames, UNLABELLED))
            records.append(MeasuredWindow(name, rows, whole))
        statistics = summarise(records)
        print_log(summary_text(statistics), logger="current")
        if self.tables and is_main_process():
            folder = beside_log(self.result_dir)
            if folder is not None:
                folder = folder if self.result_dir else folder / FOLDER
                write_tables(folder, windows, records, statistics)
                print_log(f"tables of windows and frames in {folder}", logger="current")
        return values(statistics)


def pack(record: Record) -> Packed:
    """A record in a few bytes per number: the keys of many are one string."""
    return sys.intern("\n".join(record)), array("d", record.values())


def summary_text(statistics: Statistics) -> str:
    """Table of the headline metrics: mean, interval, how many have it or lack it."""
    header = ["", "mean", "95 % of windows", "median", "measured", "missing"]
    rows = []
    for key in HEADLINE:
        if key in statistics:
            row = statistics[key]
            interval = f"{row['ci_low']:.4f} .. {row['ci_high']:.4f}"
            means = f"{row['mean']:.4f}", interval, f"{row['median']:.4f}"
            rows.append([key, *means, str(row["count"]), str(row["missing"])])
    title = (
        f"Depth and cameras of {statistics['count.windows']['sum']} windows, "
        f"mean over frames or windows; unusable predictions: "
        f"{statistics.get('count.nan_pixels', {}).get('sum', 0):.0f} pixels, "
        f"{statistics.get('count.bad_poses', {}).get('sum', 0):.0f} poses"
    )
    return f"{title}\n{boxed(Rows(header, rows))}"
