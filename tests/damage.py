"""Files damaged at random, from a seed, and what a reader makes of them.

A reader may read a damaged file, or refuse it in words. It may not fall with an error
of some library, take all memory, or never come back: it runs in a child process.
"""

import os
import random
import resource
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

LONGEST_S = 20  # for one file, on a machine that is busy
MEMORY = 3 << 30  # bytes more than the process has
CLEAN = (ValueError, FileNotFoundError)


def cut(data: bytes, rng: random.Random) -> bytes:
    """Truncated, usually near an end."""
    return data[: int(len(data) * rng.choice((rng.random(), rng.random() ** 4, 0.99)))]


def flip(data: bytes, rng: random.Random) -> bytes:
    """One to eight bits turned."""
    altered = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        altered[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(altered)


def fill(data: bytes, rng: random.Random) -> bytes:
    """A run of zeros or of ones, as a lost block of a disk."""
    start = rng.randrange(len(data))
    length = min(rng.choice((1, 4, 8, 64, 512)), len(data) - start)
    run = rng.choice((b"\0", b"\xff")) * length
    return data[:start] + run + data[start + length :]


def splice(data: bytes, rng: random.Random) -> bytes:
    """A piece taken out and put in elsewhere, or twice."""
    first, last = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    piece, at = data[first:last], rng.randrange(len(data) + 1)
    rest = rng.choice((data, data[:first] + data[last:]))
    return rest[:at] + piece + rest[at:]


def word(data: bytes, rng: random.Random) -> bytes:
    """A word of text replaced by one that numbers are not."""
    words = data.split(b" ")
    odd = (b"nan", b"-1", b"1e999", b"", b"9" * 30, b"x", b"null", b'"\\u0000"', b"[]")
    words[rng.randrange(len(words))] = rng.choice(odd)
    return b" ".join(words)


KINDS = (cut, flip, flip, fill, splice, word)


def damaged(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Another content for a file: damaged, or that of a file of another kind."""
    if rng.random() < 0.08:
        return rng.choice(others)
    return rng.choice(KINDS)(data, rng)


class Fall(NamedTuple):
    """A damaged file that was neither read nor refused in words.

    Attributes:
        number: Which of the files.
        reason: What happened instead.
    """

    number: int
    reason: str


def falls(
    read: Callable[[Path], object],
    path: Path,
    contents: Mapping[int, bytes],
    clean: tuple[type[Exception], ...] = CLEAN,
) -> list[Fall]:
    """Read ``path`` with each of the contents, in a child process.

    Args:
        read: Reader of the file, or of what it belongs to.
        path: The file; a message must have its name, or that of its folder.
        contents: Damaged contents by their number.
        clean: What a reader may raise.
    """
    found, left = [], dict(contents)
    while left:
        number, reason = _child(read, path, left, clean)
        if number is None:
            return found
        found.append(Fall(number, reason))
        left = {n: data for n, data in left.items() if n > number}
    return found


def _child(
    read: Callable[[Path], object],
    path: Path,
    contents: Mapping[int, bytes],
    clean: tuple[type[Exception], ...],
) -> tuple[int | None, str]:
    """The first file that falls, and how; None where all were read or refused."""
    inlet, outlet = os.pipe()
    child = os.fork()
    if not child:
        os.close(inlet)
        try:
            _limit_memory()
            for number, data in contents.items():
                os.write(outlet, f"\n{number} ".encode())
                path.write_bytes(data)
                signal.alarm(LONGEST_S)
                if reason := _reason(read, path, clean):
                    os.write(outlet, reason.encode())
                    os._exit(1)
                signal.alarm(0)
            os._exit(0)
        finally:
            os._exit(2)
    os.close(outlet)
    with open(inlet, "rb") as file:
        last = file.read().decode().rpartition("\n")[2]
    status = os.waitpid(child, 0)[1]
    if status == 0:
        return None, ""
    number, _, reason = last.partition(" ")
    if os.WIFSIGNALED(status):
        ended = signal.Signals(os.WTERMSIG(status)).name
        reason = "does not end" if ended == "SIGALRM" else f"killed by {ended}"
    return int(number), reason or f"ended with status {status}"


def _limit_memory() -> None:
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf(
        "SC_PAGE_SIZE"
    )
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY,) * 2)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _reason(
    read: Callable[[Path], object], path: Path, clean: tuple[type[Exception], ...]
) -> str:
    """What is wrong with how a file was read; empty where nothing is."""
    try:
        read(path)
    except clean as error:
        text = str(error)
        if path.name not in text and path.parent.name not in text:
            return f"names no file: {text[:200]!r}"
        return ""
    except BaseException as error:
        lines = traceback.extract_tb(error.__traceback__)
        places = [f"{Path(line.filename).name}:{line.lineno}" for line in lines]
        text = " ".join(str(error).split())[:160]
        return f"{type(error).__name__}: {text} at {' '.join(places[-4:])}"
    return ""
