"""The folder that an evaluation leaves, and that reports and comparisons read.

metadata.json                 how everything was measured, and the finished models
windows.json                  the windows, the same for every model
models/<name>/metrics.json    statistics of every metric; written last
models/<name>/windows.csv     one row per window
models/<name>/frames.csv      one row per frame
models/<name>/examples.npz    a few frames with truth and prediction
metrics_overall.csv           one row per model
"""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vantage3d.evaluation.results.records import MeasuredWindow
from vantage3d.evaluation.results.run import ordered
from vantage3d.evaluation.results.summary import (
    COUNT,
    Statistics,
    frame_means,
    metric_names,
)
from vantage3d.evaluation.results.windows import EvaluationWindow, WindowChoice
from vantage3d.io.atomic import atomic_write_bytes

METADATA, METRICS, OVERALL = "metadata.json", "metrics.json", "metrics_overall.csv"
RECORDS = "records.jsonl"
Rows = Sequence[Sequence[Any]]
HEADLINE = (
    "depth.building.abs_rel",
    "depth.building.delta1",
    "depth.full.abs_rel",
    "depth.full.delta1",
    "normals.building.inlier_30",
    "planarity.building.inlier_ratio",
    "photometric.building.inlier_ratio",
    "pose.ate_trans",
    "pose.auc_30",
)


class ResultFolder:
    """Paths, reading and writing of one evaluation.

    Args:
        root: The folder.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def model(self, name: str) -> Path:
        """Folder of a model."""
        return self.root / "models" / name

    def finished(self) -> list[str]:
        """Names of the models that were evaluated to the end, in their order."""
        found = self.root.glob(f"models/*/{METRICS}")
        return ordered(path.parent.name for path in found)

    def metadata(self) -> dict[str, Any]:
        """Content of metadata.json.

        Raises:
            ValueError: If the folder is missing or holds no evaluation.
        """
        path = self.root / METADATA
        if not path.is_file():
            found = sorted(p.name for p in self.root.glob("*"))[:5]
            raise ValueError(
                f"{self.root} holds no evaluation: {METADATA} is missing, there is "
                f"{', '.join(found) or 'nothing'}. Make one with "
                "tools/evaluate_depth.py"
            )
        return json.loads(path.read_text())

    def metrics(self, name: str) -> Statistics:
        """Statistics of a finished model, NaN where they were not measurable."""
        content = json.loads((self.model(name) / METRICS).read_text())
        return {
            metric: {k: math.nan if v is None else v for k, v in row.items()}
            for metric, row in content.items()
        }

    def write_metadata(self, content: Mapping[str, Any]) -> None:
        """Replace metadata.json."""
        atomic_write_bytes(self.root / METADATA, _json(content))

    def write_model(
        self,
        name: str,
        choice: WindowChoice,
        records: Sequence[MeasuredWindow],
        statistics: Statistics,
    ) -> None:
        """Tables of a model, and at last its metrics, which say that it is finished."""
        folder = self.model(name)
        write_tables(folder, choice.windows, records, statistics)
        (folder / RECORDS).unlink(missing_ok=True)
        self.write_overall()

    def write_overall(self) -> None:
        """One row per finished model, of what any of them has."""
        table = {name: self.metrics(name) for name in self.finished()}
        metrics = sorted({key for row in table.values() for key in row})
        means = [key for key in metrics if not key.startswith(COUNT)]
        counts = [key for key in metrics if key.startswith(COUNT)]
        shown = [key for key in HEADLINE if key in metrics]
        header = [
            "checkpoint",
            *(f"{key}.mean" for key in means),
            *(f"{key}.{end}" for key in shown for end in ("ci_low", "ci_high")),
            *counts,
        ]
        rows = []
        for name, row in table.items():
            values = [_cell(row, key, "mean") for key in means]
            values += [_cell(row, k, e) for k in shown for e in ("ci_low", "ci_high")]
            rows.append([name, *values, *(_cell(row, key, "sum") for key in counts)])
        _write_csv(self.root / OVERALL, header, rows)


def write_tables(
    folder: Path,
    windows: Sequence[EvaluationWindow],
    records: Sequence[MeasuredWindow],
    statistics: Statistics,
) -> None:
    """``windows.csv``, ``frames.csv`` and, when both are there, ``metrics.json``."""
    _write_csv(folder / "windows.csv", *_window_rows(windows, records))
    _write_csv(folder / "frames.csv", *_frame_rows(windows, records))
    atomic_write_bytes(folder / METRICS, _json(statistics))


def _window_rows(
    windows: Sequence[EvaluationWindow], records: Sequence[MeasuredWindow]
) -> tuple[list[str], Rows]:
    frame_names, window_names = metric_names(records)
    header = ["id", "sequence", "bucket", "frames", *window_names, *frame_names]
    rows = []
    for window, record in zip(windows, records):
        if record.skipped:
            continue
        values = {**frame_means(record, frame_names), **record.window}
        numbers = [values.get(name, math.nan) for name in header[4:]]
        frames = " ".join(str(number) for number in window.frames)
        rows.append([window.id, window.sequence, window.bucket, frames, *numbers])
    return header, rows


def _frame_rows(
    windows: Sequence[EvaluationWindow], records: Sequence[MeasuredWindow]
) -> tuple[list[str], Rows]:
    names = metric_names(records)[0]
    rows = [
        [window.id, window.sequence, number, *(row.get(n, math.nan) for n in names)]
        for window, record in zip(windows, records)
        for number, row in zip(window.frames, record.frames)
    ]
    return ["window", "sequence", "frame", *names], rows


def _cell(row: Statistics, metric: str, statistic: str) -> float:
    return row.get(metric, {}).get(statistic, math.nan)


def _write_csv(path: Path, header: Sequence[str], rows: Rows) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([f"{v:.10g}" if isinstance(v, float) else v for v in row])
    atomic_write_bytes(path, text.getvalue().encode())


def _json(content: Any) -> bytes:
    return json.dumps(_no_nan(content), indent=1).encode()


def _no_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _no_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_no_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
