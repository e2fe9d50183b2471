"""Several answers to the same windows, each against measured and exact depth."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger, print_log
from terminaltables import AsciiTable

from vantage3d.checks import check_choice
from vantage3d.evaluation.depth_alignment import ALIGNMENTS
from vantage3d.evaluation.windows.depth_metric import as_numpy, mean
from vantage3d.evaluation.windows.window import (
    DepthRule,
    Values,
    window_depth,
    window_poses,
)
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.registry import METRICS

RANGE = 80.0  # metres, where evaluations on KITTI end
# Name of a truth to its key in the batch and its farthest metres.
TRUTHS = {
    "LiDAR": ("depths", RANGE),
    "dense": ("exact_depths", math.inf),
    "dense < 80 m": ("exact_depths", RANGE),
}
SHOWN = ("AbsRel", "delta1", "RMSE")
AUC = 30  # degrees
COLUMNS = [f"{truth}/{name}" for name in SHOWN for truth in TRUTHS] + [f"AUC@{AUC}"]
FILE = "depth_comparison.json"
Row = dict[str, float]


@METRICS.register_module()
class DepthComparison(BaseMetric):
    """A table of answers: what is known without looking, before, after.

    Every answer is brought onto the truth it is compared with by the same alignment,
    once per window. Dense truth is counted twice: wherever there is a surface, and up
    to 80 metres, where evaluations on KITTI end. Reads batches of
    :class:`ExactViews`.

    Returns ``<answer>/<truth>/<name>`` for AbsRel, delta1 and RMSE, and
    ``<answer>/AUC@30``, each the mean over the windows that have it; writes these and
    the other errors of depth to ``depth_comparison.json``.

    Args:
        answers: Name of a row to the prefix of its keys in the predictions: "pred", or
            "base" (see ``predict_base`` of :class:`VGGTEstimator`). The last row is
            compared with the one above it.
        alignment: One of ``depth_alignment.ALIGNMENTS``.
        min_valid: True pixels that a window needs.
        result_dir: Where the file goes; by default beside the log.
        collect_device: "cpu" or "gpu", for several processes.

    Raises:
        ValueError: If the alignment is unknown or there is no answer.
    """

    default_prefix = ""

    def __init__(
        self,
        answers: Mapping[str, str],
        alignment: str = "median",
        min_valid: int = 100,
        result_dir: str | None = None,
        collect_device: str = "cpu",
    ) -> None:
        super().__init__(collect_device=collect_device)
        check_choice("alignment", alignment, ALIGNMENTS)
        if not answers:
            raise ValueError("`answers` must name at least one row, got none.")
        self.answers = dict(answers)
        self.rule = DepthRule(alignment, False, min_valid)
        self.result_dir = result_dir

    def process(self, data_batch: Mapping, data_samples: Sequence[dict]) -> None:
        """Reduce each window of a batch to its numbers, by answer."""
        for i, sample in enumerate(data_samples):
            inputs = {key: value[i] for key, value in data_batch["inputs"].items()}
            rows = {"typical depth": self._depths(inputs["typical_depths"], inputs)}
            for name, prefix in self.answers.items():
                row = self._depths(sample[f"{prefix}_depth"], inputs)
                poses = as_numpy(sample[f"{prefix}_world2cam"])
                truth = as_numpy(inputs["world2cam"])
                rows[name] = row | window_poses(poses, truth, (AUC,))
            self.results.append(rows)

    def compute_metrics(self, results: list[dict[str, Row]]) -> Values:
        """Means over all windows."""
        rows = {name: _means([r[name] for r in results]) for name in results[0]}
        table = self._table(rows)
        print_log(self._text(table, len(results)), logger="current")
        self._write(rows, len(results))
        return {
            f"{name}/{key}": row[key]
            for name, row in rows.items()
            for key in COLUMNS
            if key in row
        }

    def _depths(self, depth: Any, inputs: Mapping[str, Any]) -> Row:
        """Errors of a depth of the window, by truth."""
        row = {}
        for truth, (key, farthest) in TRUTHS.items():
            known = as_numpy(inputs[key])
            mask = (known > 0) & (known <= farthest)
            found = window_depth(as_numpy(depth), known, mask, self.rule)
            row |= {f"{truth}/{name}": value for name, value in found.items()}
        return row

    def _table(self, rows: dict[str, Row]) -> str:
        titles = ["\n".join(key.split("/")[::-1]) for key in COLUMNS]
        lines = [[name, *_cells(row)] for name, row in rows.items()]
        if len(self.answers) > 1:
            before, after = list(rows.values())[-2:]
            lines.append(["change", *_changes(before, after)])
        table = AsciiTable([["", *titles], *lines])
        table.justify_columns = dict.fromkeys(range(1, len(COLUMNS) + 1), "right")
        return table.table

    def _text(self, table: str, windows: int) -> str:
        return (
            f"Depth of {windows} windows, each answer aligned to each truth by its "
            f"{self.rule.alignment}, once per window; RMSE in metres\n{table}"
        )

    def _write(self, rows: dict[str, Row], windows: int) -> None:
        log_file = MMLogger.get_current_instance().log_file
        folder = self.result_dir or (log_file and Path(log_file).parent)
        if not folder:
            print_log(
                "No `result_dir` and no log file: nothing written.", logger="current"
            )
            return
        facts = {"alignment": self.rule.alignment, "windows": windows, "answers": rows}
        path = Path(folder) / FILE
        atomic_write_bytes(path, (json.dumps(facts, indent=1) + "\n").encode())
        print_log(f"Written to {path}", logger="current")


def _means(rows: Sequence[Row]) -> Row:
    return {key: mean(row[key] for row in rows) for key in rows[0]}


def _cells(row: Row) -> list[str]:
    return [
        f"{row[key]:.{2 if 'RMSE' in key else 3}f}" if key in row else ""
        for key in COLUMNS
    ]


def _changes(before: Row, after: Row) -> list[str]:
    """Per cent of before, nothing of 0; of AUC the difference."""
    cells = []
    for key in COLUMNS:
        old, new = before[key], after[key]
        if "AUC" in key:
            cells.append(f"{new - old:+.3f}")
        else:
            cells.append(f"{100 * (new / old - 1):+.1f} %" if old else "")
    return cells
