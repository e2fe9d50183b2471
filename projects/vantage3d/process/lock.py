"""One run at a time in a folder: a lock that says who holds it.

The holder has the operating system's lock (``flock``) on ``.lock`` in the folder, which
goes with the process however that ends, and its name in the file's text. Not every
shared file system tells other machines of such a lock: a holder also touches its file
every ten seconds, and a file that another machine left counts while that goes on.

Processes that share one work are one run: of the ranks of a training the first holds
the lock for all; shards of a converter or an extraction hold one file each, named for
their rank, and refuse whoever is not of their number.
"""

import errno
import fcntl
import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

LOCK = ".lock"
BEAT_S = 10.0  # from one sign of life to the next
BEATS = 3  # so many may be missing
# What file systems say that have no locks.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class FolderInUseError(RuntimeError):
    """Another run writes into the folder."""


@contextmanager
def locked(
    folder: Path, option: str, rank: int = 0, world_size: int = 1
) -> Iterator[None]:
    """Hold the lock of ``folder`` inside the block.

    Args:
        folder: Where the run writes; made if missing.
        option: By which the user chooses another folder, for the message.
        rank: Which share of a work this process has.
        world_size: Of how many; shares of one number are one run.

    Raises:
        FolderInUseError: If another run holds it; it is named.
        OSError: If the folder cannot be written.
    """
    if folder.is_file():
        raise NotADirectoryError(
            f"{option} {folder} is a file, and a folder is written. Choose another name"
        )
    name = LOCK if world_size == 1 else f"{LOCK}-{rank}-of-{world_size}"
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = _Lock(folder / name, option)
    except OSError as error:
        text = f"could not write {folder / name}: {error.strerror}. Choose another "
        raise OSError(error.errno, f"{text}{option}") from error
    try:
        for path in folder.glob(f"{LOCK}*"):
            fellow = world_size > 1 and path.name.endswith(f"-of-{world_size}")
            if path.name != name and not fellow:
                with suppress(FileNotFoundError):
                    os.close(_take(path, option))
                    path.unlink()
        yield
    finally:
        lock.release()
        with suppress(OSError):  # nothing was written
            for path in made:
                path.rmdir()


def release_all() -> None:
    """Give every lock of this process back; for a process that is about to leave."""
    while _held:
        _held[-1].release()


class _Lock:
    """A lock file that this process holds."""

    def __init__(self, path: Path, option: str) -> None:
        self.path, self._over = path, threading.Event()
        self._file = _take(path, option, os.O_CREAT)
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, json.dumps(_ourselves(), indent=1).encode(), 0)
        except BaseException:
            os.close(self._file)
            raise
        _held.append(self)
        threading.Thread(target=self._beat, daemon=True).start()

    def release(self) -> None:
        """Remove the file, if this process still holds it."""
        if self in _held:
            _held.remove(self)
            self._over.set()
            self.path.unlink(missing_ok=True)
            os.close(self._file)

    def forget(self) -> None:
        """Close the file in a forked process, which is no holder."""
        self._over.set()
        os.close(self._file)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            with suppress(OSError):
                os.utime(self._file)


_held: list[_Lock] = []


def _after_fork() -> None:
    """A worker that outlives a killed run must not keep the lock."""
    while _held:
        _held.pop().forget()


os.register_at_fork(after_in_child=_after_fork)


def _take(path: Path, option: str, create: int = 0) -> int:
    """The open file, locked and still at its path, whose last holder is gone.

    Raises:
        FolderInUseError: If somebody holds it.
    """
    while True:
        file = os.open(path, os.O_RDWR | create, 0o644)
        try:
            certain = _lock(file)
            if not os.path.samestat(os.fstat(file), os.stat(path)):
                raise FileNotFoundError  # its holder has just removed it
            holder = _read(file)
            elsewhere = not certain or holder.get("boot") != _boot()
            if holder and elsewhere and _beats(path):
                raise BlockingIOError
        except FileNotFoundError:
            os.close(file)
        except BlockingIOError as error:
            holder = _read(file)
            os.close(file)
            raise FolderInUseError(_in_use(path, holder, option)) from error
        except BaseException:
            os.close(file)
            raise
        else:
            if holder:
                _say_stale(path, holder)
            return file


def _lock(file: int) -> bool:
    """Take the system's lock; False where the file system has none.

    Raises:
        BlockingIOError: If somebody else has it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


def _read(file: int) -> dict[str, Any]:
    """What a lock file says; empty if nothing, "unknown" if that is damaged."""
    text = os.pread(file, 65536, 0)
    try:
        return dict(json.loads(text)) if text else {}
    except (ValueError, TypeError):
        return dict.fromkeys(("pid", "host", "since", "command"), "unknown")


def _ourselves() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": " ".join(sys.argv),
        "boot": _boot(),
    }


def _boot() -> str:
    """What only processes of one machine, since it was started, have in common."""
    return _BOOT.read_text().strip() if _BOOT.exists() else socket.gethostname()


def _beats(path: Path) -> bool:
    """Whether the holder on another machine still touches its file."""

    def touched() -> float:
        # Only opening a file asks a file server how it is now.
        with path.open() as file:
            return os.fstat(file.fileno()).st_mtime

    last = touched()
    with tempfile.TemporaryFile(dir=path.parent) as file:  # the file server's clock
        age_s = os.fstat(file.fileno()).st_mtime - last
    if age_s > BEATS * BEAT_S:
        return False
    deadline = time.monotonic() + BEATS * BEAT_S
    while time.monotonic() < deadline:
        time.sleep(BEAT_S / 20)
        if touched() != last:
            return True
    return False


def _in_use(path: Path, holder: dict[str, Any], option: str) -> str:
    who = {"pid": "?", "host": "?", "since": "just now", "command": "?", **holder}
    return (
        f"{path.parent} is in use by process {who['pid']} on {who['host']} since "
        f"{who['since']} ({who['command']}): two runs would write over one another. "
        f"Wait for it, stop it, or choose another {option}"
    )


def _say_stale(path: Path, holder: dict[str, Any]) -> None:
    from mmengine.logging import print_log

    who = f"process {holder['pid']} on {holder['host']}"
    print_log(f"{path}: {who} is gone, its lock is taken over", logger="current")
