"""An evaluation of many models: in one process, and with what can be shared and spread.

    python tools/benchmark.py evaluation -- CONFIG RUNS --data-root DATA ...

What follows the two dashes is for tools/evaluate_depth.py. Every row must leave the
same tables, byte for byte. The unit is a window of one model: what some windows more
take, so that imports, opening the data and building networks stay out.
"""

import argparse
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from vantage3d.cli.depth import evaluate_depth
from vantage3d.evaluation.results.windows import load_windows
from vantage3d.process.machine import processor
from vantage3d.vggt_lora.evaluation.runs import evaluate  # noqa: F401  imported before

MODELS, WINDOWS, CORES = 46, 1530, 16  # of the study that is extrapolated to
PLAIN = ("--num-workers", "0", "--repeats", "0")


class Cost(NamedTuple):
    """Seconds of an evaluation by the clock and of all processors, and its tables."""

    wall_s: float
    cpu_s: float
    tables: dict[str, bytes]

    def __sub__(self, less: "Cost") -> "Cost":
        wall_s, cpu_s = self.wall_s - less.wall_s, self.cpu_s - less.cpu_s
        return Cost(wall_s, cpu_s, self.tables)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--processes", type=int, default=2, help="that share the models")
    add("--models-at-once", type=int, default=4, help="in each of them")
    text = "of an evaluation and of a longer one, whose difference counts"
    add("--windows", type=int, nargs=2, default=(4, 24), metavar="N", help=text)
    add("arguments", nargs=argparse.REMAINDER, metavar="-- CONFIG RUNS ...")


def run(args: argparse.Namespace) -> int:
    """Print seconds of every row, and what many models would take."""
    given = [word for word in args.arguments if word != "--"]
    at_once = ("--models-at-once", str(args.models_at_once))
    spread = ("--parallel-models", str(args.processes))
    rows = {
        "one process": (),
        "truth shared": at_once,
        f"in {args.processes} processes": (*at_once, *spread),
    }
    few, many = (("--max-seqs", str(number)) for number in args.windows)
    found = {}
    with TemporaryDirectory() as folder:
        root = Path(folder)
        measure([*PLAIN, *few, *given], root / "imports")
        for name, options in rows.items():
            less = measure([*PLAIN, *options, *few, *given], root / f"{name}, few")
            found[name] = measure([*PLAIN, *options, *many, *given], root / name) - less
        windows = len(load_windows(root / name / "windows.json").windows)
    before = found["one process"]
    models = sum(path.endswith("windows.csv") for path in before.tables)
    each = (windows - args.windows[0]) * models
    print(f"{processor()}; {each} windows of {models} models")
    for name, cost in found.items():
        same = "same" if cost.tables == before.tables else "OTHER"
        print(
            f"{name:16s}{cost.cpu_s / each * 1e3:5.0f} ms of processors, "
            f"{cost.wall_s / each * 1e3:5.0f} by the clock, "
            f"{before.wall_s / cost.wall_s:5.2f} times as fast, {same} tables"
        )
    hours = cost.cpu_s / each * MODELS * WINDOWS / CORES / 3600
    print(f"{MODELS} models x {WINDOWS} windows: {hours:.2f} h on {CORES} cores")
    return int(any(cost.tables != before.tables for cost in found.values()))


def measure(arguments: list[str], out: Path) -> Cost:
    """Evaluate into a new folder."""
    start = time.perf_counter(), cpu_s()
    evaluate_depth([*arguments, "--out-dir", str(out)])
    wall, cpu = time.perf_counter() - start[0], cpu_s() - start[1]
    paths = sorted(out.glob("models/*/*.csv"))
    return Cost(wall, cpu, {str(p.relative_to(out)): p.read_bytes() for p in paths})


def cpu_s() -> float:
    """Processor seconds of this process and of those that it started, and they."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[1]) == os.getpid():  # the server of worker processes, say
            ticks += sum(map(int, fields[11:15]))  # its own and of its ended children
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")
