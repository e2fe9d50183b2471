"""Progress lines say how much is left, and items pass through unchanged."""

import io
from itertools import count

from rich.console import Console

from vantage3d.process.progress import duration, progress_line, track


def _console(terminal: bool) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=terminal, width=120), out


def test_lines_come_every_interval_with_the_time_left():
    console, out = _console(terminal=False)
    ticks = count()  # one second per item
    items = list(
        track(
            range(12),
            description="work",
            console=console,
            interval_s=5,
            clock=lambda: next(ticks),
        )
    )
    assert items == list(range(12))
    assert out.getvalue().splitlines() == [
        "work: 5/12 (41 %), 1.0/s, 0:00:07 left",
        "work: 10/12 (83 %), 1.0/s, 0:00:02 left",
        "work: 12 done in 0:00:13",
    ]


def test_a_generator_without_total_shows_count_and_speed():
    console, out = _console(terminal=False)
    ticks = count(step=4)
    list(
        track(
            (i for i in range(2)),
            description="work",
            console=console,
            interval_s=5,
            clock=lambda: next(ticks),
        )
    )
    assert out.getvalue().splitlines()[0] == "work: 2, 4.0 s each"


def test_a_terminal_gets_a_bar():
    console, out = _console(terminal=True)
    assert list(track([1, 2, 3], description="bar", console=console)) == [1, 2, 3]
    assert "bar" in out.getvalue()
    assert "3/3" in out.getvalue()


def test_an_empty_step_says_so():
    console, out = _console(terminal=False)
    assert list(track([], description="none", console=console)) == []
    assert out.getvalue() == "none: 0 done in 0:00:00\n"


def test_durations_and_first_moment():
    assert duration(3725.4) == "1:02:05"
    assert progress_line("x", 1, 4, 0.0) == "x: 1/4 (25 %), 0.0 s each, 0:00:00 left"
