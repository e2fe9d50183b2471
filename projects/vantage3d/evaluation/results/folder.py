"""The folder that an evaluation leaves: its layout, and everything that writes it.

metadata.json                 how everything was measured, and the finished models
windows.json                  the windows, the same for every model
models/<name>/metrics.json    statistics of every metric; written last
models/<name>/windows.csv     one row per window
models/<name>/frames.csv      one row per frame
models/<name>/examples.npz    a few frames with truth and prediction
metrics_overall.csv           one row per model

``run`` reads it for reports, comparisons and selections.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger, print_log

from vantage3d.evaluation.metrics_table import HEADLINE
from vantage3d.evaluation.results.records import (
    COUNT,
    MeasuredWindow,
    Statistics,
    csv_text,
    frame_means,
    metric_names,
    no_nan,
)
from vantage3d.evaluation.results.run import (
    FRAMES_CSV,
    METADATA,
    METRICS,
    NAME,
    OVERALL,
    WINDOWS_CSV,
    natural_order,
    read_json,
)
from vantage3d.evaluation.results.windows import EvaluationWindow, WindowChoice
from vantage3d.io.atomic import atomic_write_bytes

RECORDS = "records.jsonl"


class ResultFolder:
    """Paths and writing of one evaluation.

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
        return sorted((path.parent.name for path in found), key=natural_order)

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
        return read_json(path)

    def metrics(self, name: str) -> Statistics:
        """Statistics of a finished model, NaN where they were not measurable."""
        content = read_json(self.model(name) / METRICS)
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
        keys = sorted({key for row in table.values() for key in row})
        columns = {f"{k}.mean": (k, "mean") for k in keys if not k.startswith(COUNT)}
        columns |= {
            f"{key}.{end}": (key, end)
            for key in HEADLINE
            for end in ("ci_low", "ci_high")
            if key in keys
        }
        columns |= {key: (key, "sum") for key in keys if key.startswith(COUNT)}
        rows = [
            [name, *(row.get(key, {}).get(s, math.nan) for key, s in columns.values())]
            for name, row in table.items()
        ]
        _write_csv(self.root / OVERALL, [NAME, *columns], rows)


def beside_log(result_dir: str | None) -> Path | None:
    """The folder that was asked for, else that of the run's log.

    Returns:
        None, with a line in the log, where there is neither.
    """
    log_file = MMLogger.get_current_instance().log_file
    folder = result_dir or (log_file and Path(log_file).parent)
    if not folder:
        print_log("no `result_dir` and no log file: nothing written", logger="current")
    return Path(folder) if folder else None


def write_tables(
    folder: Path,
    windows: Sequence[EvaluationWindow],
    records: Sequence[MeasuredWindow],
    statistics: Statistics,
) -> None:
    """``windows.csv``, ``frames.csv`` and, when both are there, ``metrics.json``."""
    frame_names, names = metric_names(records)
    columns = [*names, *frame_names]
    rows, frame_rows = [], []
    for window, record in zip(windows, records):
        if record.skipped:
            continue
        values = {**frame_means(record, frame_names), **record.window}
        frames = " ".join(map(str, window.frames))
        head = [window.id, window.sequence, window.bucket, frames]
        rows.append([*head, *(values.get(name, math.nan) for name in columns)])
        for number, row in zip(window.frames, record.frames):
            numbers = (row.get(name, math.nan) for name in frame_names)
            frame_rows.append([window.id, window.sequence, number, *numbers])
    header = ["id", "sequence", "bucket", "frames", *columns]
    _write_csv(folder / WINDOWS_CSV, header, rows)
    header = ["window", "sequence", "frame", *frame_names]
    _write_csv(folder / FRAMES_CSV, header, frame_rows)
    atomic_write_bytes(folder / METRICS, _json(statistics))


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Any]) -> None:
    atomic_write_bytes(path, csv_text(header, rows).encode())


def _json(content: Any) -> bytes:
    return json.dumps(no_nan(content), indent=1).encode()
