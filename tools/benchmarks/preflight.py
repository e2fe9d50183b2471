"""The preflight on made-up recordings with one fault each: is it named rightly?

Every layout has rooms of its own, filmed once per spacing and read back by the layout's
reader; faults are put behind it. Each room is one task of a pool, whose results are
kept in OUT: the same command goes on where it was stopped.

A fault is **named** when the best reading undoes it and nothing else; **doubted** when
the files are taken as they are with a warning that lists this change among those that
the views do not tell; otherwise **missed**. Only named faults count for the 95 %.
"""

import argparse
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.preflight_faults import FAULTS, Damaged, Fault, in_axes, no_rays

from vantage3d.converters.annotations import AnnotationSource
from vantage3d.converters.co3d import Co3dSource
from vantage3d.converters.eth3d import Eth3dSource
from vantage3d.converters.index.indexed_reader import IndexedReader
from vantage3d.converters.index.source import FrameSource
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.process.machine import processor
from vantage3d.process.parallel import run_parallel
from vantage3d.process.progress import track
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.preflight.check import compared, seen_of
from vantage3d.recordings.preflight.footage import FrameReader
from vantage3d.recordings.preflight.matches import KINDS
from vantage3d.recordings.preflight.reader import RecordingReader
from vantage3d.recordings.preflight.remedies import Meaning, meaning
from vantage3d.recordings.preflight.verdict import judge
from vantage3d.synthetic import write_dataset

SIZE, PHOTO_SIZE = (160, 120), (320, 240)  # keypoints need pixels
FRAMES = {1: range(40), 10: range(0, 240, 10)}  # by spacing in raw frames
RECORDINGS = ("rgbd_folder", "scannet", "scannet_sens", "sun3d", "tum")
OTHERS = ("annotations", "hypersim", "co3d", "eth3d", "colmap")
LAYOUTS = (*RECORDINGS, *OTHERS, "transforms")  # places are seeds of rooms
INTEGERS = ("rgbd_folder", "scannet", "scannet_sens", "sun3d", "annotations")
OUTCOMES = ("named", "doubted", "missed")
WANTED = 0.95
Opened = tuple[FrameReader, Meaning]


class Cell(NamedTuple):
    """What is said of one fault of one room.

    Attributes:
        fault: Its name.
        outcome: One of ``OUTCOMES``.
        level: Of the finding.
        found: What the best reading changes.
        seconds: Of one core.
    """

    fault: str
    outcome: str
    level: str
    found: dict[str, Any]
    seconds: float


class Task(NamedTuple):
    """A room in a layout, at a spacing in raw frames."""

    layout: str
    spacing: int
    room: int

    @property
    def name(self) -> str:
        return f"{self.layout}_every_{self.spacing}_room_{self.room}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--layouts", nargs="+", choices=LAYOUTS, default=LAYOUTS)
    add("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    add("--rooms", type=int, default=3, help="of every layout")
    add("--spacings", nargs="+", type=int, choices=FRAMES, default=list(FRAMES))
    add("--workers", type=int, default=2)
    text = "folder of results, which another call goes on from"
    add("--out", type=Path, default=Path("work_dirs/preflight_benchmark"), help=text)


def run(args: argparse.Namespace) -> int:
    """Write the table; 1 unless 95 % are named and nothing right is refused."""
    tasks = [
        Task(layout, spacing, room)
        for room in range(args.rooms)
        for layout in args.layouts
        for spacing in args.spacings
    ]
    todo = [task for task in tasks if missing(args.out, args.faults, task)]
    work = partial(examine, args.out, args.faults)
    running = run_parallel(work, todo, min(args.workers, len(todo)), __name__)
    for _ in track(running, len(todo), "rooms"):
        pass
    cells = [
        (task, cell)
        for task in tasks
        for cell in done(args.out, task).values()
        if cell.fault in args.faults
    ]
    text, good = table(cells)
    atomic_write_bytes(args.out / "table.md", text.encode())
    print(text)
    return int(not good)


def done(out: Path, task: Task) -> dict[str, Cell]:
    """What an earlier call found of a room, by fault."""
    path = out / f"{task.name}.json"
    rows = json.loads(path.read_text()) if path.is_file() else []
    return {row[0]: Cell(*row) for row in rows}


def missing(out: Path, faults: Sequence[str], task: Task) -> list[str]:
    """Faults that are still to be put into a room."""
    left = set(faults) - done(out, task).keys()
    if task.layout == "colmap":  # images without depth
        left = {name for name in left if FAULTS[name].undone.keys() <= KINDS}
    if task.layout not in INTEGERS:
        left -= {"rotated bits"}  # of millimetres
    return [name for name in faults if name in left]


def examine(out: Path, faults: Sequence[str], task: Task) -> None:
    """Film a room, put every fault into it and keep what is said."""
    root = out / "rooms" / task.name
    seed = 10 * LAYOUTS.index(task.layout) + task.room
    written = {"colmap": "eth3d"}.get(task.layout, task.layout)
    size = PHOTO_SIZE if task.layout == "colmap" else SIZE
    write_dataset(written, root, 1, 0, FRAMES[task.spacing], size, seed)
    ((_, opened),) = opened_rooms(task.layout, root)
    cells = done(out, task)
    for name in missing(out, faults, task):
        begun = time.process_time()
        outcome, level, found = judged(opened, FAULTS[name])
        seconds = round(time.process_time() - begun, 2)
        cells[name] = Cell(name, outcome, level, found, seconds)
    text = json.dumps(list(cells.values()))
    atomic_write_bytes(out / f"{task.name}.json", text.encode())
    shutil.rmtree(root)


def judged(opened: Opened, fault: Fault) -> tuple[str, str, dict[str, Any]]:
    """Whether a fault is named, how sure it is, and what the best reading changes."""
    reader, now = opened
    if now.along_rays and fault is FAULTS["rays"]:
        fault = replace(fault, damage={"depth_fault": no_rays})
    fault = in_axes(fault, now.axes)
    film = seen_of(Damaged(reader, **fault.damage))
    if film is None:
        return "missed", "", {}
    comparison = compared(film, now)
    level = judge("", film, comparison, now)[0].level
    found = comparison.best.changes
    if fault.undone_by(found):
        return "named", level, found
    told = (fault.undone_by(one.guess.changes) for one in comparison.untold)
    return "doubted" if any(told) else "missed", level, found


def opened_rooms(layout: str, root: Path) -> Iterator[tuple[str, Opened]]:
    """Readers of the rooms of a folder, and what they take files to mean."""
    if layout in (*RECORDINGS, "transforms", "colmap"):
        recording = open_recording(root, "colmap" if layout == "colmap" else None)
        for name in recording.sequences():
            if name.endswith("jpg"):  # ETH3D's model of the distorted photographs
                continue
            reader = RecordingReader(recording, name)
            reader.color = cache(reader.color)  # type: ignore[method-assign]
            yield name, (reader, meaning(recording))
        return
    source = _source(layout, root)
    facts = source.facts("", "")
    for names in source.splits().values():
        for name in names:
            frames = source.frames(name)
            indexed = IndexedReader(source.root, facts, frames)  # type: ignore[arg-type]
            yield name, (indexed, source.meaning(facts))


def _source(layout: str, root: Path) -> FrameSource:
    if layout == "eth3d":
        return Eth3dSource(root / "made", root)
    files = {"train": tuple(sorted((root / "annotations").glob("*train.jgz")))}
    if layout == "co3d":
        return Co3dSource(root, files)
    reader, scale = ("distance", 1.0) if layout == "hypersim" else ("integer", 1000.0)
    return AnnotationSource(root, files, reader, scale)


def table(cells: list[tuple[Task, Cell]]) -> tuple[str, bool]:
    """The outcomes by fault and by layout, and whether they are as good as wanted."""
    command = " ".join(["python tools/benchmark.py", *sys.argv[1:]])
    lines = [f"`{command}`, {date.today()}, {processor()}", ""]
    for title, of in (
        ("fault", lambda task, cell: cell.fault),
        ("layout", lambda task, cell: task.layout),
        ("spacing", lambda task, cell: str(task.spacing)),
    ):
        lines += [f"| {title} | named | doubted | missed |", "|---|---|---|---|"]
        counts: dict[str, Counter[str]] = {}
        for task, cell in cells:
            counts.setdefault(of(task, cell), Counter())[cell.outcome] += 1
        for name, count in counts.items():
            row = " | ".join(str(count[outcome]) for outcome in OUTCOMES)
            lines.append(f"| {name} | {row} |")
        lines.append("")
    for task, cell in cells:
        if cell.outcome == "missed":
            lines.append(f"- {task.name}, {cell.fault}: {cell.level} {cell.found}")
    total = Counter(cell.outcome for _, cell in cells)
    right = [cell for _, cell in cells if cell.fault == "none"]
    refused = sum(cell.level == "error" for cell in right)
    doubts = sum(cell.level == "warning" for cell in right)
    seconds = [cell.seconds for _, cell in cells]
    share = total["named"] / len(cells)
    lines += [
        "",
        f"{total['named']} of {len(cells)} named rightly ({share:.1%}), "
        f"{total['doubted']} doubted, {total['missed']} missed. Of {len(right)} right "
        f"recordings {refused} were refused, {doubts} got a warning. Seconds of one "
        f"core per recording: {sum(seconds) / len(seconds):.1f} on average, "
        f"{max(seconds):.1f} at most.",
    ]
    return "\n".join(lines) + "\n", share >= WANTED and not refused
