"""A process of the run died: which one, what it was doing, and the likely cause.

torch would raise the death of a loader worker from a signal handler, in the middle of
whatever the training does; here it is noticed where the next batch is waited for,
within seconds and between two steps. That another rank is gone shows in the next
collective.
"""

import os
import re
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, get_rank, is_distributed

from vantage3d.process.memory import memory_limit_mb, oom_kills
from vantage3d.process.seeding import IDLE

_WORKER = re.compile(r"DataLoader worker \(pid")
_PEER = re.compile(r"closed by peer|reset by peer|broken pipe|nccl|gloo", re.IGNORECASE)
_CRASHES = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGILL, -signal.SIGFPE}
_TELLING = ("sample_idx", "sequence", "ids")  # of what a dataset says about a sample
# Seconds that a rank may take to be gone after its connections are.
_GONE_WITHIN_S = 3.0


class Deaths:
    """What is known about the processes of a run while all of them live.

    Made in every process of the run.
    """

    def __init__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            torch.utils.data._utils.signal_handling._set_SIGCHLD_handler()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.kills = oom_kills()
        self.ranks: list[tuple[str, int]] = all_gather_object(
            (socket.gethostname(), os.getpid())
        )

    def behind(self, error: BaseException) -> str | None:
        """The death that ``error`` tells of, in words; None if it is another error."""
        if _WORKER.search(str(error)):
            for frame, _ in traceback.walk_tb(error.__traceback__):
                batches = frame.f_locals.get("self")
                if hasattr(batches, "_workers"):
                    return self._worker(batches)
        if is_distributed() and _PEER.search(str(error)):
            deadline = time.monotonic() + _GONE_WITHIN_S
            while not (lost := self.lost_ranks()) and time.monotonic() < deadline:
                time.sleep(0.05)
            return lost or "a process of the run on another machine is gone"
        return None

    def lost_ranks(self) -> str:
        """Ranks of this machine that are gone, in words; empty if none is."""
        here = socket.gethostname()
        gone = [
            f"rank {rank} (process {pid} on {host})"
            for rank, (host, pid) in enumerate(self.ranks)
            if host == here and rank != get_rank() and not _lives(pid)
        ]
        if not gone:
            return ""
        verb = "is" if len(gone) == 1 else "are"
        return f"{', '.join(gone)} {verb} gone: {self._memory()}"

    def _worker(self, batches: Any) -> str:
        """Words about the first dead worker of a loader's iterator."""
        workers = batches._workers
        place, worker = next(
            (place, one) for place, one in enumerate(workers) if not one.is_alive()
        )
        index = batches._worker_init_fn.keywords["at_work"][place]
        doing = "between two samples"
        if index != IDLE:
            doing = f"while it loaded sample {index}{_name(batches._dataset, index)}"
        end, code = f"left with exit code {worker.exitcode}", worker.exitcode or 0
        if code < 0:
            end = f"was ended by {signal.Signals(-code).name}"
        who = f"loader worker {place} of {len(workers)} (process {worker.pid})"
        return f"{who} {end} {doing}: {self._cause(code)}"

    def _cause(self, code: int) -> str:
        if code == -signal.SIGBUS:
            return "shared memory is probably full; enlarge /dev/shm (--shm-size)"
        if code in _CRASHES:
            return "native code crashed, often at a damaged file; look at the sample"
        if code == -signal.SIGKILL:
            return self._memory()
        return "its own last words may stand above"

    def _memory(self) -> str:
        kills = oom_kills()
        if kills is None or self.kills is None:
            return "memory, probably; use fewer `num_workers` or smaller batches"
        if kills > self.kills:
            return (
                f"memory; the kernel killed {kills - self.kills} processes for want of "
                f"it since the training began ({memory_limit_mb() / 1024:.1f} GB are "
                "there). Use fewer `num_workers` or smaller batches"
            )
        return "killed from outside; the kernel counts no kill for want of memory"


def _lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def _name(dataset: Any, index: int) -> str:
    """`` (sample_idx scene0001_00_20)``, as far as the dataset says more."""
    ask: Callable[[int], Any] = getattr(dataset, "get_data_info", lambda index: {})
    info = ask(index)
    known = info if isinstance(info, Mapping) else {}
    words = [f"{key} {known[key]}" for key in _TELLING if key in known]
    return f" ({', '.join(words)})" if words else ""
