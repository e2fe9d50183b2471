"""Work spread over processes: survives Ctrl-C, a killed parent and a dead worker."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_parallel(
    task: Callable[[Item], Result], items: Sequence[Item], workers: int, preload: str
) -> Iterator[Result]:
    """Results of ``task`` for every item, in any order.

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
        futures = [pool.submit(task, item) for item in items]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise RuntimeError(
            f"one of {workers} worker processes died, probably for want of memory. Run "
            "the same command again to go on where it stopped, with fewer --workers"
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
