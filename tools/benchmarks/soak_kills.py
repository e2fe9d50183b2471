"""Kills: trainings and converters that die at random end as if nothing had happened."""

import ctypes
import hashlib
import importlib
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.measuring import ROOT

from vantage3d.engine.checkpoints.file import newest_checkpoint
from vantage3d.engine.errors import EngineError

_CONTEXT = multiprocessing.get_context("fork")
LIMIT_S = 3600  # for a run that nobody kills, on a machine that others use too
LOOK_S = 0.1  # at least between two looks at how long a run has computed
STATE = ("state_dict", "ema_state_dict", "optimizer", "param_schedulers", "random")
Command = tuple[str, list[str]]  # function, as ``module:name``, and its arguments
_PR_SET_PDEATHSIG = 1


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
    """What became of a case so far."""

    name: str
    wanted: int = 0  # kills
    kills: int = 0
    finished: int = 0  # runs that got to their end and were compared
    different: int = 0  # of these
    went_back: int = 0  # kills after which less was done than before
    cpu_s: float = 0.0
    error: str = ""  # of a run that did not go on
    expected: str = ""  # hash of the final state of a run that nobody killed
    whole_s: float = 0.0  # CPU seconds of that run

    @property
    def done(self) -> int:
        """Kills so far."""
        return self.kills

    @property
    def passed(self) -> bool:
        """Whether nothing was lost and nothing differs."""
        return not (self.different or self.went_back or self.error)


def soak(
    case: Case, row: Row, kills: int, folder: Path, seed: int, note: Callable[[], Any]
) -> None:
    """Kill a case up to so many times, and compare whenever a run gets through.

    Args:
        case: What is killed.
        row: What became of it so far; another call goes on from there.
        kills: How many there shall be in the end.
        folder: Of its runs.
        seed: Of the moments of the kills.
        note: Called whenever the row has changed.

    Raises:
        RuntimeError: If a run that nobody kills does not end well.
    """
    killed = folder / "killed"
    if not row.expected:
        shutil.rmtree(folder, ignore_errors=True)
        whole = folder / "whole"
        with _Run(case, whole, folder / "whole.log", row) as run:
            run.finish()
        row.expected, row.whole_s = state(case, whole), row.cpu_s
        note()
    while row.kills < kills or killed.exists():
        with _Run(case, killed, folder / "killed.log", row) as run:
            dead = False
            while not dead and row.kills < kills:
                number = f"{row.kills} {row.finished}"
                chance = random.Random(f"{seed} {case.name} {number}")
                done = _progress(case, killed)
                if not run.computes(chance.uniform(0, 1.2 * row.whole_s)):
                    break
                run.kill(chance)
                row.kills += 1
                row.went_back += _progress(case, killed) < done
                dead = case.ranks == 1
                note()
            if not dead:
                run.finish()
                row.finished += 1
                row.different += state(case, killed) != row.expected
                shutil.rmtree(killed)
        note()


class _Run:
    """A run in a process group of its own; what it computes is added to its row."""

    def __init__(self, case: Case, folder: Path, log: Path, row: Row) -> None:
        self.case, self.log, self.row = case, log, row
        log.parent.mkdir(parents=True, exist_ok=True)
        function, arguments = case.command(folder)
        self._before_s = cpu_seconds()
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
            self.process = subprocess.Popen(command, stdout=file, stderr=file, cwd=ROOT)

    def __enter__(self) -> "_Run":
        return self

    def __exit__(self, *error: object) -> None:
        for pid in [*_descendants(self.process.pid), self.process.pid]:
            _kill(pid)
        self._wait(None)
        self.row.cpu_s += cpu_seconds() - self._before_s

    def computes(self, seconds: float) -> bool:
        """Whether it still runs after so many more seconds of computing."""
        pid = self.process.pid
        begin_s = _used_s(pid)
        deadline = time.monotonic() + LIMIT_S
        while self._code() is None and time.monotonic() < deadline:
            left = seconds - (_used_s(pid) - begin_s)
            if left <= 0:
                return True
            self._wait(max(left / 2, LOOK_S))
        return False

    def kill(self, chance: random.Random) -> None:
        """SIGKILL: the process, sometimes all that it started too, or one rank."""
        if self.case.ranks > 1:
            if ranks := _children(self.process.pid):
                _kill(chance.choice(ranks))
            return
        if chance.random() < 0.5:
            for pid in _descendants(self.process.pid):
                _kill(pid)
        _kill(self.process.pid)
        self._wait(None)

    def finish(self) -> None:
        """Wait for the end.

        Raises:
            RuntimeError: If it does not end well.
        """
        self._wait(LIMIT_S)
        if (code := self._code()) != 0:
            how = (
                f"did not end in {LIMIT_S} s" if code is None else f"ended with {code}"
            )
            end = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self.case.name} {how}, see {self.log}:\n{end}")

    def _code(self) -> int | None:
        if isinstance(self.process, subprocess.Popen):
            return self.process.poll()
        return self.process.exitcode

    def _wait(self, seconds: float | None) -> None:
        if not isinstance(self.process, subprocess.Popen):
            self.process.join(seconds)
            return
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)


def _child(function: str, arguments: list[str], log: str) -> None:
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # ends with the soak
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    torch.set_num_threads(1)
    module, _, name = function.partition(":")
    getattr(importlib.import_module(module), name)(arguments)


def cpu_seconds() -> float:
    """Of this process and all that it has waited for."""
    used = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _used_s(pid: int) -> float:
    """CPU seconds of a process and all that it started."""
    found = _processes()
    used = [found[one][1] for one in (pid, *_below(pid, found)) if one in found]
    return sum(used) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    return [one for one, (parent, _) in _processes().items() if parent == pid]


def _descendants(pid: int) -> list[int]:
    return _below(pid, _processes())


def _below(pid: int, processes: dict[int, tuple[int, int]]) -> list[int]:
    """What a process started, and what that started."""
    found = [pid]
    for above in found:
        found += [one for one, (parent, _) in processes.items() if parent == above]
    return found[1:]


def _processes() -> dict[int, tuple[int, int]]:
    """Parent and clock ticks, its ended children's too, of every living process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if fields[0] not in "ZX":
                ticks = sum(int(field) for field in fields[11:15])
                found[int(path.parent.name)] = int(fields[1]), ticks
    return found


def _progress(case: Case, folder: Path) -> int:
    """Iterations, samples or sequences that a new call would not do again."""
    if not case.trains:
        return sum(1 for path in folder.rglob("*") if path.suffix in (".json", ".pt"))
    for _ in range(100):  # while ranks still run, files come and go
        try:
            found = newest_checkpoint(folder) if folder.is_dir() else None
            return 0 if found is None else int(found[1]["meta"]["iter"])
        except (OSError, EngineError) as error:
            problem = error
            time.sleep(0.1)
    raise RuntimeError(f"{case.name}: {problem}")


def state(case: Case, folder: Path) -> str:
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
    elif isinstance(value, (dict, list, tuple)):
        digest.update(f"{type(value).__name__} {len(value)} ".encode())
        items = chain(*value.items()) if isinstance(value, dict) else value
        for item in items:
            hash_values(item, digest)
    else:
        digest.update(f"{value!r} ".encode())
