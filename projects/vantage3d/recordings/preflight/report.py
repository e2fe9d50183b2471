"""What ``check_recording`` says of a recording, for people and as JSON."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.recordings.file_facts import file_facts
from vantage3d.recordings.findings import Finding
from vantage3d.recordings.preflight.check import (
    compared,
    facts_of,
    few,
    seen_of,
    uncompared,
)
from vantage3d.recordings.preflight.footage import Film, Footage
from vantage3d.recordings.preflight.matches import Matches
from vantage3d.recordings.preflight.picture import write_matches, write_pair
from vantage3d.recordings.preflight.reader import RecordingReader
from vantage3d.recordings.preflight.remedies import Meaning, meaning
from vantage3d.recordings.preflight.search import Comparison
from vantage3d.recordings.preflight.verdict import judge
from vantage3d.recordings.recording import Camera, RecordedFrame, Recording

PERCENTILES = (5, 95)


class SequenceReport(NamedTuple):
    """What was seen of a sequence.

    Attributes:
        name: Its name.
        summary: Frames, sizes, cameras and depth, by what they are called.
        findings: What was noticed.
        compared: Frames that were compared, and how; None where none could be.
    """

    name: str
    summary: dict[str, str]
    findings: list[Finding]
    compared: tuple[Film, Comparison] | None


def examine(recording: Recording) -> list[SequenceReport]:
    """Look at a few sequences of a recording, evenly chosen."""
    return [_sequence(recording, name) for name in few(recording.sequences())]


def write_report(
    folder: Path, recording: Recording, reports: list[SequenceReport]
) -> None:
    """``report.json``, and a picture of two views of every sequence."""
    text = json.dumps(as_json(recording, reports), indent=1) + "\n"
    atomic_write_bytes(folder / "report.json", text.encode())
    for number, report in enumerate(reports):
        if report.compared:
            film, comparison = report.compared
            what = facts_of(film, meaning(recording)), comparison.best
            path = folder / f"pair_{number}.png"
            if isinstance(film, Footage):
                write_pair(path, film, *what)
            elif isinstance(film, Matches):
                write_matches(path, film, *what)


def as_json(recording: Recording, reports: list[SequenceReport]) -> dict[str, Any]:
    """The report, of plain values."""
    return {
        "root": str(recording.root),
        "layout": recording.layout,
        "remedies": recording.remedies.given,
        "sequences": len(recording.sequences()),
        "looked_at": [
            {
                "sequence": report.name,
                **report.summary,
                "findings": [finding._asdict() for finding in report.findings],
            }
            for report in reports
        ],
    }


def as_text(recording: Recording, reports: list[SequenceReport]) -> str:
    """The report in lines."""
    names = recording.sequences()
    lines = [f"{recording.root}: {recording.title}, {_count(len(names), 'sequence')}"]
    if len(reports) < len(names):
        lines.append(f"looked at {', '.join(report.name for report in reports)}")
    for report in reports:
        lines += ["", report.name]
        lines += [f"  {key}: {value}" for key, value in report.summary.items()]
        lines += [f"  {f.level}: {f}" for f in report.findings]
    return "\n".join(lines)


def _sequence(recording: Recording, name: str) -> SequenceReport:
    try:
        reader = RecordingReader(recording, name)
        found = file_facts(recording, name)
    except (FileNotFoundError, ValueError) as error:
        return SequenceReport(name, {}, [Finding("error", str(error))], None)
    now, film = meaning(recording), seen_of(reader)
    summary = _summary(reader, film, now)
    if film is None:
        return SequenceReport(name, summary, [*found, *uncompared(name)], None)
    comparison = compared(film, now)
    found += judge(name, film, comparison, now)
    return SequenceReport(name, summary, found, (film, comparison))


def _summary(
    reader: RecordingReader, film: Film | None, now: Meaning
) -> dict[str, str]:
    """Frames, colour, depth and poses in plain words."""
    frames = [frame for at in _few(len(reader)) if (frame := reader.frame(at))]
    said = {"frames": str(len(reader))}
    if not frames:
        return said
    said["colour"] = _camera(frames[0].color_camera) or "no intrinsics"
    said["depth"] = _camera(frames[0].depth_camera) or "none"
    if isinstance(film, Footage):
        valid = film.depth[film.depth > 0]
        low, high = np.percentile(valid, PERCENTILES)
        said["depth"] += (
            f"; {now.depth_scale:g} units per metre, {low:.2g} to {high:.2g} m"
        )
    said["poses"] = _poses(frames, now)
    return said


def _few(count: int) -> list[int]:
    return np.unique(np.linspace(0, count - 1, min(count, 8)).astype(int)).tolist()


def _camera(camera: Camera | None) -> str:
    if camera is None:
        return ""
    (width, height), K = camera.size, camera.K
    angle = 2 * np.degrees(np.arctan(width / 2 / K[0, 0]))
    return (
        f"{width}x{height}, focal length {K[0, 0]:.4g} pixels ({angle:.0f} degrees "
        "across)"
    )


def _poses(frames: list[RecordedFrame], now: Meaning) -> str:
    places = [f.cam2world[:3, 3] for f in frames if f.cam2world is not None]
    if not places:
        return "none"
    extent = np.ptp(places, axis=0)
    sides = " x ".join(f"{side:.2g}" for side in extent)
    return f"{now.poses} in the files, cameras within {sides} m"


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"
