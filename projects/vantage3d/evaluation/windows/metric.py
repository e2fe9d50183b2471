"""The numbers of windows in a validation or test run, of one or several answers."""

import json
import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from vantage3d.evaluation.intervals import Interval
from vantage3d.evaluation.metrics_table import HEADLINE, find
from vantage3d.evaluation.results.folder import (
    MeasuredWindow,
    Rows,
    Statistics,
    beside_log,
    boxed,
    no_nan,
    summarise,
    values,
    write_tables,
)
from vantage3d.evaluation.results.windows import UNLABELLED, EvaluationWindow, window_id
from vantage3d.evaluation.windows.change import (
    change_table,
    cluster_basis,
    estimates,
)
from vantage3d.evaluation.windows.contracts import (
    MetricOptions,
    Record,
    WindowPrediction,
    WindowTruth,
    numpy,
)
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.evaluation.windows.trivial import still_cameras, straight_cameras
from vantage3d.geometry import invert_rigid
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.registry import METRICS

FOLDER = "depth_metrics"
Packed = tuple[str, array]  # keys, one per line, and values
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
# What is known without looking: the typical depth, from cameras that never move and
# from cameras that go straight on along their axis, a step per frame as it is given.
TRIVIAL = {"typical depth": still_cameras, "straight on": straight_cameras}
# What has an interval over drives beside it, and the truth of its depth.
WITH_INTERVALS = ("depth.full.rmse", "pose.rpe_trans", "pose.rpe_rot_deg", AUC)
INTERVAL_TRUTH = "dense"
KEYS = ("depth", "world2cam")  # of a prediction, behind its prefix


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
    over drives, scenes or sequences.

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
            whole, *rows = (dict(zip(k.split("\n"), v)) for k, v in packed)
            windows.append(_window(sequence, frames))
            records.append(MeasuredWindow(windows[-1].id, rows, whole))
        statistics = summarise(windows, records)
        print_log(summary_text(statistics), logger="current")
        if self.tables and is_main_process():
            folder = beside_log(self.result_dir)
            if folder is not None:
                folder = folder if self.result_dir else folder / FOLDER
                write_tables(folder, windows, records, statistics)
                print_log(f"tables of windows and frames in {folder}", logger="current")
        return values(statistics)


def _window(sequence: str, frames: tuple[int, ...]) -> EvaluationWindow:
    return EvaluationWindow(window_id(sequence, frames), sequence, frames, UNLABELLED)


def pack(record: Record) -> Packed:
    """A record in a few bytes per number: the keys of many are one string."""
    return sys.intern("\n".join(record)), array("d", record.values())


def summary_text(statistics: Statistics) -> str:
    """Table of the headline metrics: mean, interval, how many have it or lack it."""
    header = ["", "mean", "95 % interval", "over", "median", "measured", "missing"]
    rows = []
    for key in HEADLINE:
        if key in statistics:
            row = statistics[key]
            clusters, frames = int(row["ci_clusters"]), int(row["ci_frames"])
            ends = Interval(row["ci_low"], row["ci_high"], clusters, frames)
            interval = f"{ends.low:.4f} .. {ends.high:.4f}" if clusters > 1 else ""
            means = f"{row['mean']:.4f}", interval, ends.basis, f"{row['median']:.4f}"
            rows.append([key, *means, str(row["count"]), str(row["missing"])])
    title = (
        f"Depth and cameras of {statistics['count.windows']['sum']} windows, "
        f"mean over frames or windows; unusable predictions: "
        f"{statistics.get('count.nan_pixels', {}).get('sum', 0):.0f} pixels, "
        f"{statistics.get('count.bad_poses', {}).get('sum', 0):.0f} poses"
    )
    return f"{title}\n{boxed(Rows(header, rows))}"


@METRICS.register_module()
class DepthComparison(BaseMetric):
    """Tables of answers: what is known without looking, before, after.

    Every answer is brought onto the truth it is compared with by the same alignment,
    once per window, and measured by ``measure_window``. Dense truth is counted twice:
    wherever there is a surface, and up to 80 metres, where evaluations on KITTI end.
    Reads batches of :class:`ExactViews`.

    Returns ``<answer>/<truth>/<key>`` for AbsRel, delta1 and RMSE of depth, and
    ``<answer>/pose.auc_30``, keys of ``metrics_table``; writes these, the other errors
    of depth and of poses, and the intervals over drives to ``depth_comparison.json``.

    Args:
        answers: Name of a row to the prefix of its keys in the predictions: "pred", or
            "base" (see ``predict_base`` of :class:`VGGTEstimator`). The last row is
            compared with the one above it.
        align: One of ``depth_metrics.ALIGNMENTS``.
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
            guess = numpy(inputs["typical_depths"])
            rows = {
                name: (WindowPrediction(guess, cameras(len(guess))), with_poses)
                for name, cameras in TRIVIAL.items()
            }
            for name, prefix in self.answers.items():
                own = {f"pred_{k}": outputs[f"{prefix}_{k}"] for k in KEYS}
                rows[name] = WindowPrediction.from_outputs(own), with_poses
            found = {
                (name, kind): measure_window(answer, truth, options)
                for name, (answer, options) in rows.items()
                for kind, truth in truths.items()
            }
            sample = data_batch["data_samples"][i]
            frames = tuple(int(number) for number in sample["ids"])
            self.results.append((str(sample["sequence"]), frames, found))

    def compute_metrics(self, results: list[Any]) -> Record:
        """Means over all frames and windows."""
        rows: dict[str, Record] = {name: {} for name in (*TRIVIAL, *self.answers)}
        windows = [_window(*result[:2]) for result in results]
        for name, truth in results[0][2]:
            records = [found[name, truth] for _, _, found in results]
            for key, value in values(summarise(windows, records)).items():
                group = key.partition(".")[0]
                if group == "depth":
                    rows[name][f"{truth}/{key}"] = value
                elif group == "pose":  # of no truth in particular
                    rows[name][key] = value
        table = self._table(rows)
        measured = {
            name: [found[name, INTERVAL_TRUTH] for _, _, found in results]
            for name in rows
        }
        names = tuple(self.answers)[-2:]
        pair = (names[0], names[1]) if len(names) > 1 else None
        found = estimates(windows, measured, WITH_INTERVALS, pair)
        basis = cluster_basis(windows)
        text = (
            f"Depth of {len(results)} windows, each answer aligned to each truth by "
            f"its {self.options.align}, once per window; RMSE in metres, mean over "
            f"frames\n{table}\nDense depth and poses with 95 % intervals over {basis}; "
            f"the change is paired, that of AUC is of what lacks to 1\n"
            f"{boxed(change_table(found, WITH_INTERVALS))}"
        )
        print_log(text, logger="current")
        folder = beside_log(self.result_dir)
        if folder is not None:
            facts = {"align": self.options.align, "windows": len(results)}
            ends = {
                name: dict(zip(WITH_INTERVALS, np.transpose(row).tolist()))
                for name, row in found.items()
            }
            facts["intervals"] = {"over": basis, **ends}
            text = json.dumps(no_nan(facts | {"answers": rows}), indent=1) + "\n"
            atomic_write_bytes(folder / FILE, text.encode())
            print_log(f"Written to {folder / FILE}", logger="current")
        return {
            f"{name}/{key}": row[key]
            for name, row in rows.items()
            for key in COLUMNS
            if key in row
        }

    def _table(self, rows: dict[str, Record]) -> str:
        keys = [key.split("/")[::-1] for key in COLUMNS]
        titles = ["\n".join([find(key).label, *truth]) for key, *truth in keys]
        lines = []
        for name, row in rows.items():
            digits = [2 if "rmse" in key else 3 for key in COLUMNS]
            known = [row.get(key) for key in COLUMNS]
            cells = ["" if v is None else f"{v:.{n}f}" for v, n in zip(known, digits)]
            lines.append([name, *cells])
        if len(self.answers) > 1:
            before, after = list(rows.values())[-2:]
            cells = []
            for key in COLUMNS:
                old, new = before[key], after[key]
                if key == AUC:
                    cells.append(f"{new - old:+.3f}")
                else:
                    cells.append(f"{100 * (new / old - 1):+.1f} %" if old else "")
            lines.append(["change", *cells])
        return boxed(Rows(["", *titles], lines))
