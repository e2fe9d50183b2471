"""Work in processes: items are made on the way, and every result comes back."""

from vantage3d.process.parallel import AHEAD, run_parallel


def test_items_are_taken_as_processes_get_free():
    taken = []

    def items():
        for i in range(30):
            taken.append(i)
            yield i

    results = run_parallel(abs, items(), 2, "math")
    first = next(results)
    assert len(taken) == 2 * AHEAD
    assert sorted([first, *results]) == list(range(30))


def test_one_process_is_this_one_and_keeps_the_order():
    assert list(run_parallel(abs, iter([-3, 2, -1]), 1, "math")) == [3, 2, 1]
