"""Work spread over processes: survives Ctrl-C, a killed parent and a dead worker."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2

AHEAD = 4  # items per process that wait or are worked on
Item = TypeVar("Item")
Result = TypeVar("Result")


def run_parallel(
    task: Callable[[Item], Result], items: Iterable[Item], workers: int, preload: str
) -> Iterator[Result]:
    """Results of ``task`` for every item, in any order.

    Items are taken as processes get free, so they may be made on the way, here.

    Args:
        task: A picklable function.
        items: What it is called with.
        workers: Processes; with 1 everything happens in this one.
        preload: Module that the processes import once, before the first task.

    Raises:
        RuntimeError: If a process died.
    """
    if workers <= 1:
        yield from map(task, items)
        return
    # Forked from a process that has the imports and nothing else: no threads, no locks.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload])
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker)
    try:
        waiting: set[Future[Result]] = set()
        for item in items:
            waiting.add(pool.submit(task, item))
            if len(waiting) == AHEAD * workers:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        yield from (future.result() for future in as_completed(waiting))
    except BrokenProcessPool as error:
        raise RuntimeError(
            f"one of {workers} worker processes died, probably for want of memory. Run "
            "the same command again to go on where it stopped, with fewer processes"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """Ctrl-C is for the parent to handle; and without a parent there is no work."""

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
