"""Jobs in processes of their own, with the time and memory that they took."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

USAGE = "usage.jsonl"
WORKER = "vantage3d.comparison.worker"


@dataclass(frozen=True)
class Usage:
    """What a process took.

    Attributes:
        wall_s: Seconds by the clock.
        cpu_s: Seconds of all cores, user and system.
        peak_gb: Largest resident memory in 10^9 bytes.
    """

    wall_s: float
    cpu_s: float
    peak_gb: float


def run_job(
    task: str, arguments: dict[str, Any], folder: Path, processes: str | None = None
) -> Usage:
    """Run a task of the worker module; its output goes to ``<folder>/<task>.log``.

    Args:
        task: ``init``, ``train`` or ``test``.
        arguments: Arguments of the task, as JSON.
        folder: Folder of the log and of ``usage.jsonl``, to which what it took is
            appended.
        processes: How many torchrun starts, or ``auto``; None for one without it.

    Raises:
        RuntimeError: If the process fails, with the end of its output.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{task}.log"
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node"]
    launcher = [*torchrun, processes, "-m"] if processes else []
    command = [sys.executable, "-m", *launcher, WORKER, task, json.dumps(arguments)]
    start = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:  # Ctrl-C: the child got it too and saves its state
            process.wait()
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    usage = Usage(
        time.perf_counter() - start,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss * 1024 / 1e9,
    )
    with (folder / USAGE).open("a") as file:
        file.write(json.dumps({"task": task, **asdict(usage)}) + "\n")
    if process.returncode:
        end = log.read_text(errors="replace").strip().splitlines()[-5:]
        raise RuntimeError(
            f"{task} failed with exit code {process.returncode}, see {log}:\n"
            + "\n".join(end)
        )
    return usage


def usage_so_far(folder: Path, task: str = "train") -> Usage:
    """Sum of times and largest memory of all attempts at a task."""
    lines = [json.loads(line) for line in (folder / USAGE).read_text().splitlines()]
    attempts = [line for line in lines if line["task"] == task]
    return Usage(
        sum(attempt["wall_s"] for attempt in attempts),
        sum(attempt["cpu_s"] for attempt in attempts),
        max((attempt["peak_gb"] for attempt in attempts), default=0.0),
    )
