"""Kills: trainings and converters that die at random end as if nothing had happened."""

import hashlib
import importlib
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.measuring import ROOT

from vantage3d.engine.checkpoints.file import newest_checkpoint

_CONTEXT = multiprocessing.get_context("forkserver")
_PRELOADED = [
    __name__,
    "vantage3d.cli.runs",
    "vantage3d.cli.data",
    "vantage3d.cli.features",
    "vantage3d.esam.datasets",
    "vantage3d.esam.models",
    "vantage3d.vggt_lora.models",
    "vantage3d.deltas.models",
]
LIMIT_S = 900  # for a run that nobody kills
STATE = ("state_dict", "ema_state_dict", "optimizer", "param_schedulers", "random")
Command = tuple[str, list[str]]  # function, as ``module:name``, and its arguments


@dataclass(frozen=True)
class Case:
    """Something that goes on when it is called again.

    Attributes:
        name: What it is, for the table.
        share: Its share of all kills.
        command: From the folder that it writes to the command.
        trains: Whether it is a training.
        ranks: Processes that torchrun starts, and starts again; 1 without it.
    """

    name: str
    share: float
    command: Callable[[Path], Command]
    trains: bool = False
    ranks: int = 1


@dataclass
class Row:
    """What became of a case."""

    name: str
    kills: int = 0
    finished: int = 0  # runs that got to their end and were compared
    different: int = 0  # of these
    went_back: int = 0  # kills after which less was done than before
    seconds: float = 0.0


def soak(case: Case, kills: int, folder: Path, seed: int) -> Row:
    """Kill a case so often, and compare whenever a run gets through."""
    _CONTEXT.set_forkserver_preload(_PRELOADED)
    first = _CONTEXT.Process(target=int)  # the imports, which are no part of a run
    first.start()
    first.join()
    chance, row, began = random.Random(seed), Row(case.name), time.monotonic()
    whole = folder / "whole"
    with _Run(case, whole, folder / "whole.log") as run:
        run.finish()
    expected, seconds = _state(case, whole), time.monotonic() - began
    part, done = folder / "killed", 0
    while row.kills < kills:
        with _Run(case, part, folder / "killed.log") as run:
            while row.kills < kills and run.lives_after(
                chance.uniform(0, 1.2 * seconds)
            ):
                run.kill(chance)
                row.kills += 1
                before, done = done, _progress(case, part)
                row.went_back += done < before
                if case.ranks == 1:
                    break
            else:
                run.finish()
                row.finished += 1
                row.different += _state(case, part) != expected
                shutil.rmtree(part)
                done = 0
    if part.exists():
        with _Run(case, part, folder / "killed.log") as run:
            run.finish()
        row.finished += 1
        row.different += _state(case, part) != expected
    row.seconds = time.monotonic() - began
    shutil.rmtree(folder)
    return row


class _Run:
    """A run in a process group of its own."""

    def __init__(self, case: Case, folder: Path, log: Path) -> None:
        self.case, self.log = case, log
        log.parent.mkdir(parents=True, exist_ok=True)
        function, arguments = case.command(folder)
        self.process: Any
        if case.ranks == 1:
            work = (function, arguments, str(log))
            self.process = _CONTEXT.Process(target=_child, args=work)
            self.process.start()
            return
        torchrun = ["torch.distributed.run", "--standalone", "--max-restarts", "1000"]
        torchrun += ["--nproc-per-node", str(case.ranks)]
        tool = [str(ROOT / "tools" / f"{function.rpartition(':')[2]}.py")]
        command = [sys.executable, "-m", *torchrun, *tool, *arguments]
        command += ["--launcher", "pytorch"]
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                command, stdout=file, stderr=file, cwd=ROOT, start_new_session=True
            )

    def __enter__(self) -> "_Run":
        return self

    def __exit__(self, *error: object) -> None:
        self._signal(self.process.pid, group=True)
        self._wait(None)

    def lives_after(self, seconds: float) -> bool:
        """Whether it still runs after so long."""
        self._wait(seconds)
        return self._code() is None

    def kill(self, chance: random.Random) -> None:
        """SIGKILL: the process, sometimes all that it started too, or one rank."""
        if self.case.ranks > 1:
            if ranks := _children(self.process.pid):
                self._signal(chance.choice(ranks))
            return
        self._signal(self.process.pid, group=chance.random() < 0.5)
        self._wait(None)

    def finish(self) -> None:
        """Wait for the end.

        Raises:
            RuntimeError: If it does not end well.
        """
        self._wait(LIMIT_S)
        if self._code() != 0:
            end = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(
                f"{self.case.name} ended with {self._code()}, see {self.log}:\n{end}"
            )

    def _code(self) -> int | None:
        if isinstance(self.process, subprocess.Popen):
            return self.process.poll()
        return self.process.exitcode

    def _wait(self, seconds: float | None) -> None:
        if not isinstance(self.process, subprocess.Popen):
            self.process.join(seconds)
            return
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    @staticmethod
    def _signal(pid: int, group: bool = False) -> None:
        # A process that has just begun has no group of its own yet.
        for kill in (os.killpg, os.kill) if group else (os.kill,):
            with suppress(ProcessLookupError):
                kill(pid, signal.SIGKILL)


def _child(function: str, arguments: list[str], log: str) -> None:
    os.setsid()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    torch.set_num_threads(1)
    module, _, name = function.partition(":")
    getattr(importlib.import_module(module), name)(arguments)


def _children(parent: int) -> list[int]:
    """Processes that another one started, from /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def _progress(case: Case, folder: Path) -> int:
    """Iterations, samples or sequences that a new call would not do again."""
    if case.trains:
        found = newest_checkpoint(folder) if folder.is_dir() else None
        return 0 if found is None else int(found[1]["meta"]["iter"])
    return sum(1 for path in folder.rglob("*") if path.suffix in (".json", ".pt"))


def _state(case: Case, folder: Path) -> str:
    """Hash of all that counts in a finished run."""
    digest = hashlib.sha256()
    if case.trains:
        found = newest_checkpoint(folder)
        content = {} if found is None else found[1]
        hash_values({key: content.get(key) for key in (*STATE, "progress")}, digest)
        return digest.hexdigest()
    for path in sorted(folder.rglob("*")):
        hidden = any(part[0] == "." for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            digest.update(f"{path.relative_to(folder)} ".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def hash_values(value: Any, digest: Any) -> None:
    """Put nested values into a hash: containers, arrays and tensors bit for bit."""
    if hasattr(value, "tensor"):  # structures of mmdet3d
        value = value.tensor
    if isinstance(value, torch.Tensor):
        digest.update(f"{value.dtype} {tuple(value.shape)} ".encode())
        plain = value.detach().contiguous().view(-1)
        digest.update(plain.view(torch.uint8).numpy().tobytes())
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype} {value.shape} ".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, dict):
        for key, item in value.items():
            digest.update(f"{key}: ".encode())
            hash_values(item, digest)
    elif isinstance(value, (list, tuple)):
        for item in value:
            hash_values(item, digest)
    else:
        digest.update(repr(value).encode())
