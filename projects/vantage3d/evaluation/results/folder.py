"""The folder that an evaluation leaves: its layout, and everything that writes it.

metadata.json                 how everything was measured, and the finished models
windows.json                  the windows, the same for every model
models/<name>/metrics.json    statistics of every metric; written last
models/<name>/windows.csv     one row per window
models/<name>/frames.csv      one row per frame
models/<name>/examples.npz    a few frames with truth and prediction
metrics_overall.csv           one row per model

JSON ends with its checksum, and the hash of a CSV is beside it in ``<name>.sha256``.
``run`` reads it for reports, comparisons and selections. A metric of frames is averaged
over frames, one of windows over windows; what could not be measured takes no part and
is missing from ``count``. Intervals are over drives, scenes or sequences, see
:mod:`vantage3d.evaluation.intervals`.
"""

import csv
import io
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.logging import MMLogger, print_log

from vantage3d.evaluation.metrics_table import HEADLINE, find, region
from vantage3d.evaluation.results.run import (
    FRAMES_CSV,
    METADATA,
    METRICS,
    NAME,
    OVERALL,
    WINDOWS_CSV,
    Model,
    Run,
    Stat,
    natural_order,
    read_json,
)
from vantage3d.evaluation.results.trivial import flags
from vantage3d.evaluation.results.windows import EvaluationWindow, WindowChoice
from vantage3d.evaluation.running_summary import RunningSummary
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import seal, unseal
from vantage3d.io.files import DAMAGED
from vantage3d.io.sidecars import write_hashed_bytes

RECORDS = "records.jsonl"
COUNT = "count."  # begins keys of numbers that are summed, not averaged
Record = dict[str, float]
Statistics = dict[str, dict[str, float]]
COLUMNS = (*HEADLINE, "performance.fps", "performance.latency_p95_ms")
SHORT = {"building": "bldg", "full": "", "": ""}


@dataclass(frozen=True)
class MeasuredWindow:
    """Numbers of one window of one model.

    Attributes:
        id: Name of the window.
        frames: Metrics of each frame by key; NaN where not measurable.
        window: Metrics of the window as a whole.
        seconds: What it took.
        skipped: Why it could not be used; empty if it could.
    """

    id: str
    frames: list[Record] = field(default_factory=list)
    window: Record = field(default_factory=dict)
    seconds: float = 0.0
    skipped: str = ""


class RecordFile:
    """Measured windows of one model, one JSON line each: a killed run goes on.

    The first line says what the numbers depend on; a file of something else is started
    anew. A line that a kill cut off, or that is damaged, is dropped.
    """

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        self.path, self.identity = path, identity
        self.known = {record.id: record for record in self._read()}
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            file.write(json.dumps(identity, sort_keys=True) + "\n")
            file.writelines(_line(record) for record in self.known.values())

    def add(self, record: MeasuredWindow) -> None:
        """Append one window."""
        self.known[record.id] = record
        with self.path.open("a") as file:
            file.write(_line(record))

    def _read(self) -> Iterator[MeasuredWindow]:
        if not self.path.is_file():
            return
        lines = self.path.read_text(errors="replace").splitlines(keepends=True)
        expected = json.dumps(self.identity, sort_keys=True) + "\n"
        if not lines or lines[0] != expected:
            self._tell("it is of other data or options, or damaged: it begins anew")
            return
        for number, line in enumerate(lines[1:], 2):
            try:
                if not line.endswith("\n"):
                    raise ValueError("a kill cut it off")
                name = f"{self.path}, line {number}"
                yield _record(unseal(line.encode(), name, "", sealed=True))
            except DAMAGED as error:
                self._tell(f"line {number} is measured again: {error}")

    def _tell(self, what: str) -> None:
        print_log(f"{self.path}: {what}", "current", logging.WARNING)


def _record(content: dict[str, Any]) -> MeasuredWindow:
    content["frames"] = [_known(frame) for frame in content["frames"]]
    content["window"] = _known(content["window"])
    return MeasuredWindow(**content)


def _line(record: MeasuredWindow) -> str:
    return seal(json.dumps(no_nan(asdict(record)))).decode()


def _known(values: dict[str, float | None]) -> Record:
    return {k: math.nan if v is None else v for k, v in values.items()}


def no_nan(value: Any) -> Any:
    """The same for JSON, which has no NaN; infinity is no measurement either."""
    if isinstance(value, Mapping):
        return {key: no_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [no_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def summarise(
    windows: Sequence[EvaluationWindow], records: Sequence[MeasuredWindow]
) -> Statistics:
    """Statistics of every metric, and the counts of windows and frames.

    Args:
        windows: What was measured: sequence and frames.
        records: Their numbers.

    Returns:
        The attributes of :class:`Summary` by key; of ``count.*`` also ``sum``.
    """
    frames, whole = RunningSummary(), RunningSummary()
    used = []
    for window, record in zip(windows, records, strict=True):
        if record.skipped:
            continue
        used.append(record)
        numbers = [[number] for number in window.frames]
        frames.add(record.frames, window.sequence, numbers)
        whole.add([record.window], window.sequence, [window.frames])
    found: Statistics = {}
    for summary in (frames, whole):
        for name, values in summary.summaries().items():
            found[name] = asdict(values)
            if name.startswith(COUNT):
                found[name]["sum"] = summary.total(name)
    counts = {
        "windows": len(used),
        "skipped_windows": len(records) - len(used),
        "frames": sum(len(record.frames) for record in used),
    }
    for name, number in counts.items():
        found[COUNT + name] = {**single(number), "sum": number}
    return dict(sorted(found.items()))


def single(value: float) -> dict[str, float]:
    """Statistics of something measured once."""
    same = dict.fromkeys(("mean", "median", "min", "max"), float(value))
    unknown = dict.fromkeys(("ci_low", "ci_high"), math.nan)
    basis = {"ci_clusters": 0, "ci_frames": 0}
    return {**same, "std": 0.0, "count": 1, "missing": 0, **unknown, **basis}


def values(statistics: Statistics) -> Record:
    """The one number of every metric: its mean, or the sum of what is counted."""
    return {key: row.get("sum", row["mean"]) for key, row in statistics.items()}


def mean(values: Sequence[float]) -> float:
    """Mean of what is known, the same in any order; NaN of nothing."""
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


class ResultFolder:
    """Paths and writing of one evaluation."""

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
        return {metric: _known(row) for metric, row in content.items()}

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

    def write_overall(self) -> None:
        """One row per finished model, of what any of them has."""
        table = {name: self.metrics(name) for name in self.finished()}
        keys = sorted({key for row in table.values() for key in row})
        columns = {f"{k}.mean": (k, "mean") for k in keys if not k.startswith(COUNT)}
        columns |= {
            f"{key}.{end}": (key, end)
            for key in HEADLINE
            for end in ("ci_low", "ci_high", "ci_clusters", "ci_frames")
            if key in keys
        }
        columns |= {key: (key, "sum") for key in keys if key.startswith(COUNT)}
        rows = [
            [name, *(row.get(key, {}).get(s, math.nan) for key, s in columns.values())]
            for name, row in table.items()
        ]
        text = to_csv(Rows([NAME, *columns], rows))
        write_hashed_bytes(self.root / OVERALL, text.encode())


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
    frame_names = sorted({key for r in records for frame in r.frames for key in frame})
    columns = [*sorted({key for r in records for key in r.window}), *frame_names]
    rows, frame_rows = [], []
    for window, record in zip(windows, records):
        if record.skipped:
            continue
        values = dict(record.window)
        for name in frame_names:
            known = [frame.get(name, math.nan) for frame in record.frames]
            values.setdefault(name, mean(known))
        frames = " ".join(map(str, window.frames))
        head = [window.id, window.sequence, window.bucket, frames]
        rows.append([*head, *(values.get(name, math.nan) for name in columns)])
        for number, row in zip(window.frames, record.frames):
            numbers = (row.get(name, math.nan) for name in frame_names)
            frame_rows.append([window.id, window.sequence, number, *numbers])
    header = ["id", "sequence", "bucket", "frames", *columns]
    write_hashed_bytes(folder / WINDOWS_CSV, to_csv(Rows(header, rows)).encode())
    header = ["window", "sequence", "frame", *frame_names]
    write_hashed_bytes(folder / FRAMES_CSV, to_csv(Rows(header, frame_rows)).encode())
    write_json(folder / METRICS, statistics)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with its checksum, null for what is not finite."""
    atomic_write_bytes(path, seal(json.dumps(no_nan(content), indent=1)))


class Rows(NamedTuple):
    """A table of texts, or for CSV of numbers; what is not known is an empty text."""

    header: list[str]
    body: list[list[Any]]
    caption: str = ""


def cell(value: float, digits: int = 4) -> str:
    """A number as text; empty where it is not known."""
    return f"{value:.{digits}f}" if math.isfinite(value) else ""


def to_csv(rows: Rows) -> str:
    """The table as CSV; numbers with ten digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in (rows.header, *rows.body):
        writer.writerow([f"{v:.10g}" if isinstance(v, float) else v for v in row])
    return text.getvalue()


def to_text(rows: Rows) -> str:
    """The table in columns of even width."""
    table = [rows.header, *rows.body]
    widths = [max(map(len, column)) for column in zip(*table)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in table
    )


def boxed(rows: Rows) -> str:
    """The table in a box, everything but the first column right-aligned."""
    from terminaltables import AsciiTable

    table = AsciiTable([rows.header, *rows.body])
    table.justify_columns = dict.fromkeys(range(1, len(rows.header)), "right")
    return table.table


def run_table(folder: ResultFolder) -> str:
    """Means of :data:`COLUMNS`, a line per model, and who is below a trivial row.

    Columns that nobody has are out.
    """
    models = {name: folder.metrics(name) for name in folder.finished()}
    shown = [key for key in COLUMNS if any(key in row for row in models.values())]
    titles = [f"{find(key).title} {SHORT[region(key)]}".strip() for key in shown]
    body = [
        [name, *(cell(row.get(key, {}).get("mean", math.nan)) or "-" for key in shown)]
        for name, row in models.items()
    ]
    read = [Model(n, means(row), folder.model(n)) for n, row in models.items()]
    trivial = tuple(model for model in read if model.trivial)
    run = Run(folder.root, tuple(m for m in read if not m.trivial), trivial=trivial)
    return "\n".join([to_text(Rows(["model", *titles], body)), *flags(run).values()])


def means(statistics: Statistics) -> dict[str, Stat]:
    """What a reader of the folder has of a model, without intervals."""
    return {key: Stat(value) for key, value in values(statistics).items()}
