"""Progress with time left for every long step: a bar on a terminal, lines elsewhere."""

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from functools import partial
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")


def track(
    iterable: Iterable[T],
    total: int | None = None,
    description: str = "working",
    *,
    console: Console | None = None,
    interval_s: float = 5.0,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[T]:
    """Yield the items of ``iterable`` and report how far it is.

    Args:
        iterable: What to go through.
        total: Number of items; taken from ``len(iterable)`` when None and possible.
            Without any total only the count and the speed are shown.
        description: Start of every line.
        console: Where to write; standard error by default.
        interval_s: Seconds between two lines when ``console`` is not a terminal.
        clock: Seconds, monotonic.
    """
    console = console or Console(stderr=True)
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    if console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as progress:
            yield from progress.track(iterable, total=total, description=description)
        return
    say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    start = last = clock()
    done = 0
    for done, item in enumerate(iterable, 1):
        yield item
        now = clock()
        if now - last >= interval_s:
            say(progress_line(description, done, total, now - start))
            last = now
    say(f"{description}: {done} done in {duration(clock() - start)}")


def progress_line(
    description: str, done: int, total: int | None, elapsed_s: float
) -> str:
    """One line: ``training: 30/120 (25 %), 6.0/s, 0:00:15 left``."""
    speed = done / elapsed_s if elapsed_s > 0 else 0.0
    pace = f"{speed:.1f}/s" if speed >= 1 else f"{elapsed_s / max(done, 1):.1f} s each"
    if not total:
        return f"{description}: {done}, {pace}"
    left = elapsed_s / max(done, 1) * max(total - done, 0)
    percent = 100 * done // total
    return f"{description}: {done}/{total} ({percent} %), {pace}, {duration(left)} left"


def duration(seconds: float) -> str:
    """``h:mm:ss`` of a number of seconds, rounded."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
