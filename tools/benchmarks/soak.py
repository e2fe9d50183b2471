"""Reliability over an hour: kills, damage, memory; also ``make soak``.

All three systems and the converters are killed at random until they get through, files
of every kind are damaged bit by bit and read, and the tools work through thousands of
frames while their memory and open files are counted. The table goes to
docs/reliability.md, with date and processor. Called again after it was stopped or
killed, it goes on from there; --work holds what is known. Exit code 0 if all of it ran,
nothing was lost, nothing differs and nothing was read silently; else 1.
"""

import argparse
import importlib
import json
import multiprocessing
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import soak_cases, soak_damage, soak_kills, soak_leaks
from benchmarks.measuring import ROOT

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.process.machine import processor
from vantage3d.process.progress import progress_line

PARTS = {
    "kills": soak_kills.Row,
    "damage": soak_damage.Damage,
    "leaks": soak_leaks.Growth,
}
ROUNDS = 10  # over which kills and damages are spread: half a soak has half of all
HEAD = """# Reliability

Written by `make soak` (`tools/benchmark.py soak`); what a part does and counts stands
in `tools/benchmarks/soak_*.py`. It is no part of CI. Minutes are of one processor.
"""
KILLS = """## Kills

SIGKILL at random moments, the same command again, until a run gets through; its final
state (weights, averaged weights, optimizer, schedules, generators, or all files) beside
that of a run that nobody killed.

| what | kills | wanted | got through | of these different | progress lost | minutes |
|---|---|---|---|---|---|---|"""
DAMAGE = """## Damage

One bit flipped, or the end cut off, in one file; then what reads it. Harmless: what was
read is equal to the bit.
"""
LEAKS = f"""## Memory and open files

Of one process, after {soak_leaks.WARM_UP:.0%} of the frames and at the end;
{soak_leaks.ALLOWED_MB:.0f} MB more are allowed.

| what | frames | wanted | MB | at the end | open files | at the end | minutes |
|---|---|---|---|---|---|---|---|"""


@dataclass
class Book:
    """What is known so far, in a file: a soak that was stopped goes on from there.

    Attributes:
        path: The file.
        out: The report, written with it.
        rows: Of each part, by name.
        commits: Of the soaks that filled it.
        dates: Likewise.
    """

    path: Path
    out: Path
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.path.is_file():
            known = json.loads(self.path.read_text())
            self.commits, self.dates = known["commits"], known["dates"]
            for part, kind in PARTS.items():
                rows = [kind(**row) for row in known["rows"][part]]
                # What ended with an error begins anew.
                self.rows[part] = {row.name: row for row in rows if not row.error}
        now = time.strftime("%Y-%m-%d")
        for values, value in ((self.commits, _commit()), (self.dates, now)):
            if value not in values:
                values.append(value)

    def row(self, part: str, name: str, wanted: int) -> Any:
        """The row of that name, a new one if there is none."""
        rows = self.rows.setdefault(part, {})
        row = rows.setdefault(name, PARTS[part](name))
        row.wanted = wanted
        return row

    def done(self, part: str) -> int:
        """Kills, damages or frames so far."""
        return sum(row.done for row in self.rows.get(part, {}).values())

    def save(self) -> None:
        """Write the file and the report."""
        rows = {
            part: [asdict(row) for row in self.rows.get(part, {}).values()]
            for part in PARTS
        }
        content = {"commits": self.commits, "dates": self.dates, "rows": rows}
        atomic_write_bytes(self.path, json.dumps(content, indent=1).encode())
        self.out.write_text(report(self))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    add("--kills", type=int, default=200, help="of all cases together")
    add("--damages", type=int, default=2000, help="of all kinds of files together")
    add("--frames", type=int, default=10_000, help="of each tool")
    add("--seed", type=int, default=0)
    text = "folder of the data, the runs and what is known; remove it to begin anew"
    add("--work", type=Path, default=ROOT / "work_dirs" / "soak", help=text)
    add("--out", type=Path, default=ROOT / "docs" / "reliability.md")


def run(args: argparse.Namespace) -> int:
    """Run the parts, and write what is known after every kill and damage."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    data, trained = args.work / "data", args.work / "trained"
    if not (args.work / "prepared").exists():
        _apart(soak_cases.prepare, data)
        _apart(soak_cases.train_esam, data, trained)
        (args.work / "prepared").touch()
    for name in soak_cases.IMPORTS:
        importlib.import_module(name)
    book, used = Book(args.work / "results.json", args.out), dict.fromkeys(PARTS, 0.0)
    plan = list(_plan(args, data, trained, book))
    first = {part: book.done(part) for part in PARTS}
    for part, row, step in plan:
        if row.error:
            continue
        began = time.monotonic()
        try:
            step()
        except RuntimeError as error:
            lines = str(error).splitlines()
            row.error = " ... ".join(dict.fromkeys((lines[0], lines[-1])))
            print(f"{row.name}: {error}", flush=True)
        book.save()
        used[part] += time.monotonic() - began
        todo = sum(row.wanted for row in book.rows[part].values()) - first[part]
        done = book.done(part) - first[part]
        print(progress_line(part, done, todo, used[part]), flush=True)
    print(report(book))
    return 0 if passed(book) else 1


def _plan(
    args: argparse.Namespace, data: Path, trained: Path, book: Book
) -> Iterator[tuple[str, Any, Callable[[], Any]]]:
    """Part, row and work of all steps, in their order."""
    cases = soak_cases.cases(data) if "kills" in args.parts else []
    kinds: list[soak_damage.Kind] = []
    if "damage" in args.parts:
        kinds = soak_damage.kinds(data, args.work / "damage", trained)
    tools = soak_leaks.tools(data) if "leaks" in args.parts else {}
    for part in range(1, ROUNDS + 1):
        for number, case in enumerate(cases):
            row = book.row("kills", case.name, max(1, round(case.share * args.kills)))
            folder = args.work / "kills" / str(number)
            work = (case, row, -(-row.wanted * part // ROUNDS), folder, args.seed)
            yield "kills", row, partial(soak_kills.soak, *work, book.save)
        for kind in kinds:
            row = book.row("damage", kind.name, -(-args.damages // len(kinds)))
            work = (kind, row, -(-row.wanted * part // ROUNDS), args.seed)
            yield "damage", row, partial(soak_damage.damage, *work, book.save)
    for name, how in tools.items():
        row = book.row("leaks", name, args.frames)
        yield "leaks", row, partial(soak_leaks.grow, how, row)


def passed(book: Book) -> bool:
    """Whether all ran, and nothing was lost, silent or leaked."""
    rows = [row for part in book.rows.values() for row in part.values()]
    return all(row.passed and row.done >= row.wanted for row in rows)


def report(book: Book) -> str:
    """docs/reliability.md."""
    rows = {part: list(book.rows.get(part, {}).values()) for part in PARTS}
    kills, damages, leaks = rows.values()
    names = {"refused", "harmless", "silent", *(n for d in damages for n in d.outcomes)}
    columns = sorted(names)
    where = f"{', '.join(book.dates)}; {processor()}; Python "
    where += f"{platform.python_version()}; commit {', '.join(book.commits)}; "
    where += f"{_minutes(*kills, *damages, *leaks)} minutes of one processor in all."
    ran = [
        f"{book.done(part)} of {sum(row.wanted for row in rows[part])} {what}"
        for part, what in zip(PARTS, ("kills", "damages", "frames"))
    ]
    lines = [HEAD, where, f"Ran: {', '.join(ran)}.", "", KILLS]
    for r in kills:
        counts = (
            f"{r.kills} | {r.wanted} | {r.finished} | {r.different} | {r.went_back}"
        )
        lines.append(f"| {r.name} | {counts} | {_minutes(r)} |")
    lines += [
        "",
        DAMAGE,
        f"| file | damages | wanted | {' | '.join(columns)} | minutes |",
    ]
    lines.append(f"|---|---|---|---|{'---|' * len(columns)}")
    for d in damages:
        counts = " | ".join(str(d.outcomes.get(name, 0)) for name in columns)
        lines.append(f"| {d.name} | {d.done} | {d.wanted} | {counts} | {_minutes(d)} |")
    lines += ["", LEAKS]
    for g in leaks:
        pairs = [f"{one:.0f}" for pair in (g.megabytes, g.files) for one in pair]
        counts = " | ".join(pairs or "----")
        lines.append(
            f"| {g.name} | {g.frames} | {g.wanted} | {counts} | {_minutes(g)} |"
        )
    problems = [f"- {r.name}: {r.error}" for r in (*kills, *damages, *leaks) if r.error]
    if problems:
        lines += ["", "## Ended with an error", "", *problems]
    return "\n".join([*lines, ""])


def _minutes(*rows: Any) -> str:
    return f"{sum(row.cpu_s for row in rows) / 60:.1f}"


def _apart(work: Callable[..., Any], *arguments: Any) -> None:
    """Do something in a process of its own, whose threads and settings go with it."""
    context = multiprocessing.get_context("fork")
    process = context.Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{work.__name__} ended with {process.exitcode}, see above")


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
