"""Every shipped protocol tells right from wrong, and the self-test itself can fail."""

from collections import Counter

import pytest

from vantage3d.referee.protocol import shipped
from vantage3d.referee.self_test import self_test
from vantage3d.referee.tasks import find_task


@pytest.mark.parametrize("name", shipped())
def test_a_protocol_tells_right_from_wrong(name):
    task = find_task(shipped()[name].task, name)
    verdicts = list(self_test(task))
    assert [v for v in verdicts if not v.passed] == []
    kinds = Counter(v.what.startswith("perfect as") for v in verdicts)
    formats = len(task.readers) + len(task.truth_readers) - 1
    assert kinds == {True: formats, False: len(task.broken())}


def test_a_format_that_loses_something_fails():
    task = find_task("instances", "strict")

    class Loses(task.readers[0]):
        def read(self, path):
            found = super().read(path)
            found.masks[:, ::9] = False
            return found

    task.readers = (Loses,)
    first = next(iter(self_test(task)))
    assert not first.passed and "not perfect: {'all_ap':" in first.says


def test_what_is_told_by_nothing_fails():
    task = find_task("instances", "strict")
    task.readers = task.readers[:1]
    best = {n: task.perfect(t) for n, t in task.made_up().items()}
    half = {n: best[n] for n in best} | {
        min(best): task.nothing(task.made_up()[min(best)])
    }
    wrong = {"nothing wrong": lambda _: best, "half right": lambda _: half}
    task.broken = lambda: wrong
    said = {v.what: v for v in self_test(task)}
    assert not said["nothing wrong"].passed and not said["half right"].passed
    assert said["nothing wrong"].says.startswith("as good as perfect: AP 1.000")
    assert said["half right"].says.startswith("above every trivial row in ['all_ap'")
