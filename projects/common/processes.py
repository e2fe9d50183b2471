"""The same work on many items in several processes."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2

T = TypeVar("T")
R = TypeVar("R")


def in_processes(
    task: Callable[[T], R], items: Iterable[T], workers: int
) -> Iterator[R]:
    """Results of ``task`` on every item, in any order.

    Args:
        task: A function of a module, or a ``partial`` of one: it travels by pickle.
        items: What to work on, each a good second or more of work.
        workers: Processes; with 1 or less all runs in this process, in order.

    Raises:
        RuntimeError: If a process died.
    """
    if workers <= 1:
        yield from map(task, items)
        return
    # Forked from a process that has the imports and nothing else: no threads, no locks.
    context = multiprocessing.get_context("forkserver")
    function = getattr(task, "func", task)
    context.set_forkserver_preload([__name__, function.__module__])
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
