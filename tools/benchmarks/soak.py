"""Reliability over an hour: kills, damage, memory; also ``make soak``.

All three systems and the converters are killed at random until they get through, files
of every kind are damaged bit by bit and read, and the tools work through thousands of
frames while their memory and open files are counted. The table goes to
docs/reliability.md, with date and processor. Exit code 0 if nothing was lost, nothing
differs and nothing was read silently; else 1.
"""

import argparse
import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks import soak_cases, soak_damage, soak_kills, soak_leaks
from benchmarks.measuring import ROOT, processor

PARTS = ("kills", "damage", "leaks")
ALLOWED_MB = 20.0  # that a process may grow behind its warm-up
HEAD = """# Reliability

Written by `make soak` (`tools/benchmark.py soak`); what a part does and counts stands
in `tools/benchmarks/soak_*.py`. It is no part of CI: it takes an hour on two cores.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    add("--kills", type=int, default=200, help="of all cases together")
    add("--damages", type=int, default=2000, help="of all kinds of files together")
    add("--frames", type=int, default=10_000, help="of each tool")
    add("--seed", type=int, default=0)
    add("--work", type=Path, help="folder of the data and the runs; a temporary one")
    add("--out", type=Path, default=ROOT / "docs" / "reliability.md")


def run(args: argparse.Namespace) -> int:
    """Run the parts, and write the table of each as soon as it is there."""
    began = time.monotonic()
    work = args.work or Path(tempfile.mkdtemp(prefix="soak"))
    data = work / "data"
    if not (data / "kitti360" / "train.npz").is_file():
        shutil.rmtree(data, ignore_errors=True)
        soak_cases.prepare(data)
    parts = {"kills": _kills, "damage": _damage, "leaks": _leaks}
    sections, good = [], True
    for part in args.parts:
        lines, passed = parts[part](args, data, work / part)
        good &= passed
        sections += ["", *lines]
        when = f"{time.strftime('%Y-%m-%d')}, {processor()}, Python "
        when += f"{platform.python_version()}, commit {_commit()}: "
        when += f"{(time.monotonic() - began) / 60:.0f} minutes"
        args.out.write_text("\n".join([HEAD, when, *sections, ""]))
    print(args.out.read_text())
    if args.work is None:
        shutil.rmtree(work)
    return 0 if good else 1


def _kills(args: argparse.Namespace, data: Path, work: Path) -> tuple[list[str], bool]:
    rows = []
    for number, case in enumerate(soak_cases.cases(data)):
        kills = max(1, round(case.share * args.kills))
        row = soak_kills.soak(case, kills, work / str(number), args.seed + number)
        print(row, flush=True)
        rows.append(row)
    table = [
        "## Kills",
        "",
        "SIGKILL at random times, the same command again, until a run gets through; "
        "its final state (weights, averaged weights, optimizer, schedules, generators, "
        "or all files) beside that of a run that nobody killed.",
        "",
        "| what | kills | got through | of these different | progress lost | s |",
        "|---|---|---|---|---|---|",
        *(
            f"| {r.name} | {r.kills} | {r.finished} | {r.different} | {r.went_back} | "
            f"{r.seconds:.0f} |"
            for r in rows
        ),
    ]
    return table, not any(row.different or row.went_back for row in rows)


def _damage(args: argparse.Namespace, data: Path, work: Path) -> tuple[list[str], bool]:
    kinds = soak_damage.kinds(data, work)
    share = max(1, args.damages // len(kinds))
    found = []
    for number, kind in enumerate(kinds):
        one = soak_damage.damage(kind, share, args.seed + number)
        print(one, flush=True)
        found.append(one)
    names = sorted(
        {"refused", "harmless", "silent", *(n for d in found for n in d.outcomes)}
    )
    table = [
        "## Damage",
        "",
        "One bit flipped, or the end cut off, in one file; then what reads it. "
        "Harmless: what was read is equal to the bit.",
        "",
        f"| file | {' | '.join(names)} |",
        f"|---|{'---|' * len(names)}",
        *(
            f"| {d.name} | {' | '.join(str(d.outcomes[name]) for name in names)} |"
            for d in found
        ),
    ]
    return table, not any(set(d.outcomes) - {"refused", "harmless"} for d in found)


def _leaks(args: argparse.Namespace, data: Path, work: Path) -> tuple[list[str], bool]:
    found = []
    for name, how in soak_leaks.tools(data).items():
        one = soak_leaks.growth(name, how, args.frames)
        print(one, flush=True)
        found.append(one)
    table = [
        "## Memory and open files",
        "",
        f"Of one process, after {soak_leaks.WARM_UP:.0%} of the frames and at the end.",
        "",
        "| what | frames | MB | MB at the end | open files | at the end | s |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {g.name} | {g.frames} | {g.megabytes[0]:.0f} | {g.megabytes[1]:.0f} | "
            f"{g.files[0]} | {g.files[1]} | {g.seconds:.0f} |"
            for g in found
        ),
    ]
    leaking = [
        g
        for g in found
        if g.files[1] > g.files[0] or g.megabytes[1] - g.megabytes[0] > ALLOWED_MB
    ]
    return table, not leaking


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
