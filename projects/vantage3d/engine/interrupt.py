"""SIGTERM and SIGINT: finish the iteration, save, leave, all within a time limit.

After the signal the training thread has ``finish_s`` to reach the end of its iteration,
where it saves and raises. If it does not get there, a watching thread saves in its
place: until the optimizer steps, an iteration leaves weights and optimizer untouched,
and what it does change (random states, buffers, logged scalars) was copied when it
began. The started iteration is computed again, with the same result, on resume. If
weights are already changing, or the disk is too slow, the process leaves at ``exit_s``
and the last periodic checkpoint stands.
"""

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from mmengine.dataset import worker_init_fn
from mmengine.dist import is_distributed
from mmengine.logging import MMLogger

from vantage3d.process.lock import release_all
from vantage3d.process.seeding import tell_samples

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# A launcher passes the terminal's Ctrl-C on to ranks that have heard it already.
_PASSED_ON_S = 1.0


class UpdateGuard:
    """Held by the training thread while weights change or are being saved."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False

    def begin(self) -> None:
        """Weights change from now on (any number of calls)."""
        if not self._held:
            self._lock.acquire()
            self._held = True

    def end(self) -> None:
        """Weights belong to a completed iteration again."""
        if self._held:
            self._held = False
            self._lock.release()

    @property
    def held(self) -> bool:
        """Whether weights are changing, or being saved."""
        return self._held

    def freeze(self, timeout_s: float) -> bool:
        """Keep weights from changing for good; called by another thread."""
        return self._lock.acquire(timeout=timeout_s)


@dataclass
class StopSignals:
    """Context in which the two signals ask for a stop instead of killing.

    ``save`` is called from the watching thread: it saves the last completed state and
    returns what it did, in words.
    """

    guard: UpdateGuard  # tells whether weights are changing
    save: Callable[[], str]
    finish_s: float  # time for the running iteration
    exit_s: float  # time after which the process leaves in any case
    requested: int | None = None  # number of the signal that came, if any

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is not threading.main_thread():
            return self
        for signum in _SIGNALS:
            self._previous[signum] = signal.signal(signum, self._handle)
        # The C level handler writes here even while the training thread sits in a
        # long operation and cannot run the Python level one.
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(
            self._writer.fileno(), warn_on_full_buffer=False
        )
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.finished()
        if not self._previous:
            return
        signal.set_wakeup_fd(self._wakeup)
        self._writer.close()
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)

    def finished(self) -> None:
        """The training thread saved or ended: nothing is left to do."""
        self._over.set()

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        self.requested = self.requested or signum

    def _watch(self) -> None:
        """Begin to stop with the first signal; the second SIGINT leaves at once."""
        first_s: float | None = None
        with self._reader:
            while received := self._reader.recv(64):
                for signum in (one for one in received if one in _SIGNALS):
                    now_s = time.monotonic()
                    if first_s is None:
                        first_s, work = now_s, (signum,)
                        threading.Thread(
                            target=self._limit, args=work, daemon=True
                        ).start()
                    elif signum == signal.SIGINT and (
                        not is_distributed() or now_s - first_s > _PASSED_ON_S
                    ):
                        self._leave_at_once(signum)

    def _leave_at_once(self, signum: int) -> None:
        # Whatever a lock or a full pipe may still hold up.
        threading.Timer(0.5, os._exit, (128 + signum,)).start()
        MMLogger.get_current_instance().warning(
            "second SIGINT: left at once, nothing more was saved"
        )
        leave(128 + signum)

    def _limit(self, signum: int) -> None:
        name = signal.Signals(signum).name
        logger = MMLogger.get_current_instance()
        logger.info(f"{name}: finishing the iteration, then saving and leaving")
        late = f"not saved within {self.exit_s:g} s, the last checkpoint stands"
        deadline = threading.Timer(self.exit_s, self._leave, (signum, late))
        deadline.daemon = True
        deadline.start()
        if self._over.wait(self.finish_s):
            deadline.cancel()
        elif self.guard.freeze(self.exit_s) and not self._over.is_set():
            self._leave(signum, self.save())

    def _leave(self, signum: int, done: str) -> None:
        if self._over.is_set():
            return
        MMLogger.get_current_instance().warning(
            f"stopped by {signal.Signals(signum).name} within an iteration, which did "
            f"not end in {self.finish_s:g} s: {done}. Continue with --resume"
        )
        leave(128 + signum)


def leave(code: int) -> None:
    """End the process now: no waiting for data loader workers or other threads."""
    if threading.current_thread() is threading.main_thread():
        # torch's handler would raise at the death of a worker.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for child in multiprocessing.active_children():
        child.kill()
    release_all()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def quiet_worker(
    worker_id: int, at_work: MutableSequence[int], **settings: Any
) -> None:
    """Start a data loader worker that leaves stop signals to the training process.

    A signal to the whole process group would otherwise kill the workers first, and the
    training process with an error in the middle of an update. Only the training
    process itself can end a worker.

    Args:
        worker_id: Number of the worker.
        at_work: Memory shared with the training process, see :func:`tell_samples`.
        settings: Of MMEngine's ``worker_init_fn``.
    """
    tell_samples(at_work, worker_id)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    threading.Thread(target=_obey_parent, daemon=True).start()
    worker_init_fn(worker_id, **settings)


def _obey_parent() -> None:
    """Leave when the training process says so, or is gone.

    torch looks for the second too, but not if it happens while a worker starts.
    """
    parent = multiprocessing.parent_process()
    while parent is not None and parent.is_alive():
        received = signal.sigtimedwait(_SIGNALS, 1.0)
        if received is not None and received.si_pid == parent.pid:
            break
    os._exit(0)
