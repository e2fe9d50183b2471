"""What was measured of each window, on disk as it comes: a killed run goes on."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Record = dict[str, float]


@dataclass(frozen=True)
class MeasuredWindow:
    """Numbers of one window of one model.

    Attributes:
        id: Of the window.
        frames: Metrics of each frame by name; NaN where not measurable.
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
    """Measured windows of one model, one JSON line each.

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
                yield _record(json.loads(line))


def _line(record: MeasuredWindow) -> str:
    content = {
        "id": record.id,
        "frames": [_plain(frame) for frame in record.frames],
        "window": _plain(record.window),
        "seconds": record.seconds,
        "skipped": record.skipped,
    }
    return json.dumps(content) + "\n"


def _record(content: dict[str, Any]) -> MeasuredWindow:
    return MeasuredWindow(
        content["id"],
        [_values(frame) for frame in content["frames"]],
        _values(content["window"]),
        content["seconds"],
        content["skipped"],
    )


def _plain(values: Record) -> dict[str, float | None]:
    """JSON has no NaN, and infinity is no measurement either."""
    return {k: float(v) if math.isfinite(v) else None for k, v in values.items()}


def _values(values: dict[str, float | None]) -> Record:
    return {k: math.nan if v is None else v for k, v in values.items()}
