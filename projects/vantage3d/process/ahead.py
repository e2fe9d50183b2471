"""Work on what comes next while what came before is used."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(
    items: Iterable[Item], work: Callable[[Item], Made]
) -> Iterator[tuple[Item, "Future[Made]"]]:
    """Items in order, each with what a thread makes of it, one item ahead.

    The thread also takes the items from their source. Nothing but the time changes:
    ``result()`` gives or raises what ``work`` does.

    Args:
        items: What to go through; what it raises is raised here.
        work: Of one item; no two run at once.
    """
    source = iter(items)

    def take() -> tuple[Item, "Future[Made]"] | None:
        for item in source:
            made: Future[Made] = Future()
            try:
                made.set_result(work(item))
            except Exception as error:
                made.set_exception(error)
            return item, made
        return None

    pool = ThreadPoolExecutor(1, "ahead")
    try:
        coming = pool.submit(take)
        while (found := coming.result()) is not None:
            coming = pool.submit(take)
            yield found
    finally:  # who leaves early does not wait for what comes next
        pool.shutdown(wait=False, cancel_futures=True)
