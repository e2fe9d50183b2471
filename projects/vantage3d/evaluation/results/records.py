"""What was measured of each window: on disk as it comes, and its statistics at the end.

A metric of frames is averaged over frames, one of windows over windows; what could not
be measured takes no part and is missing from ``count``. Confidence intervals come from
drawing whole windows again.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vantage3d.evaluation.running_summary import RunningSummary

COUNT = "count."  # begins keys of numbers that are summed, not averaged
Record = dict[str, float]
Statistics = dict[str, dict[str, float]]


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
    anew. A line that a kill cut off is dropped.

    Args:
        path: The file.
        identity: What the numbers depend on: model, windows, options.
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
        lines = self.path.read_text().splitlines(keepends=True)
        expected = json.dumps(self.identity, sort_keys=True) + "\n"
        if not lines or lines[0] != expected:
            return
        for line in lines[1:]:
            if line.endswith("\n"):
                content = json.loads(line)
                content["frames"] = [_known(frame) for frame in content["frames"]]
                content["window"] = _known(content["window"])
                yield MeasuredWindow(**content)


def _line(record: MeasuredWindow) -> str:
    return json.dumps(no_nan(asdict(record))) + "\n"


def _known(values: dict[str, float | None]) -> Record:
    return {k: math.nan if v is None else v for k, v in values.items()}


def no_nan(value: Any) -> Any:
    """The same for JSON, which has no NaN; infinity is no measurement either."""
    if isinstance(value, Mapping):
        return {key: no_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [no_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as CSV; numbers with ten digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([f"{v:.10g}" if isinstance(v, float) else v for v in row])
    return text.getvalue()


def metric_names(windows: Sequence[MeasuredWindow]) -> tuple[list[str], list[str]]:
    """Sorted keys of the metrics of frames, and of windows."""
    frames = {name for window in windows for frame in window.frames for name in frame}
    whole = {name for window in windows for name in window.window}
    return sorted(frames), sorted(whole)


def summarise(windows: Sequence[MeasuredWindow]) -> Statistics:
    """Statistics of every metric, and the counts of windows and frames.

    Args:
        windows: All of an evaluation; skipped ones have no numbers.

    Returns:
        The attributes of :class:`Summary` by key; of ``count.*`` also ``sum``.
    """
    frames, whole = RunningSummary(), RunningSummary()
    used = [window for window in windows if not window.skipped]
    for window in used:
        frames.add(window.frames)
        whole.add([window.window])
    found: Statistics = {}
    for summary in (frames, whole):
        for name, values in summary.summaries().items():
            found[name] = asdict(values)
            if name.startswith(COUNT):
                found[name]["sum"] = summary.total(name)
    counts = {
        "windows": len(used),
        "skipped_windows": len(windows) - len(used),
        "frames": sum(len(window.frames) for window in used),
    }
    for name, number in counts.items():
        found[COUNT + name] = {**single(number), "sum": number}
    return dict(sorted(found.items()))


def single(value: float) -> dict[str, float]:
    """Statistics of something measured once."""
    same = dict.fromkeys(("mean", "median", "min", "max"), float(value))
    unknown = dict.fromkeys(("ci_low", "ci_high"), math.nan)
    return {**same, "std": 0.0, "count": 1, "missing": 0, **unknown}


def values(statistics: Statistics) -> Record:
    """The one number of every metric: its mean, or the sum of what is counted."""
    return {key: row.get("sum", row["mean"]) for key, row in statistics.items()}


def frame_means(window: MeasuredWindow, names: Sequence[str]) -> Record:
    """Means over the frames of a window; NaN where no frame has the metric."""
    return {
        name: mean([f.get(name, math.nan) for f in window.frames]) for name in names
    }


def mean(values: Sequence[float]) -> float:
    """Mean of what is known, the same in any order; NaN of nothing."""
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan
