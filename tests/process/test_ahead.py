"""What a thread makes one item ahead."""

import threading

import pytest

from vantage3d.process.ahead import ahead


def test_items_come_in_order_with_what_is_made_of_them():
    found = [(item, made.result()) for item, made in ahead(range(5), lambda n: n * n)]
    assert found == [(n, n * n) for n in range(5)]
    assert list(ahead([], str)) == []


def test_the_next_one_is_made_while_this_one_is_used():
    begun = [threading.Event() for _ in range(3)]
    threads = set()

    def work(number):
        threads.add(threading.current_thread())
        begun[number].set()

    for item, made in ahead(range(3), work):
        made.result()
        assert begun[min(item + 1, 2)].wait(10)
    assert threading.current_thread() not in threads and len(threads) == 1


def test_errors_are_raised_where_they_belong():
    """Those of an item with it, those of the source when it is reached."""

    def source():
        yield 1
        yield 0
        raise OSError("unplugged")

    found = ahead(source(), lambda n: 1 // n)
    assert next(found)[1].result() == 1
    _, made = next(found)
    with pytest.raises(ZeroDivisionError):
        made.result()
    with pytest.raises(OSError, match="unplugged"):
        next(found)
