"""Mean and spread against values computed by hand."""

import pytest

from vantage3d.comparison import paired_difference, spread
from vantage3d.comparison.report import markdown, summarise
from vantage3d.comparison.runs import Plan, Result, Usage


def test_spread_by_hand():
    found = spread([0.2, 0.4, 0.9])
    assert found.mean == pytest.approx(0.5)
    # squares of -0.3, -0.1, 0.4 are 0.26; divided by n - 1 = 2
    assert found.std == pytest.approx(0.13**0.5)
    assert (found.low, found.high, found.count) == (0.2, 0.9, 3)
    assert found.text() == "0.500 ± 0.361"
    assert spread([1, 1]).text(1, sign=True) == "+1.0 ± 0.0"


def test_one_value_has_no_deviation():
    assert spread([0.25]).std is None
    assert spread([0.25]).text() == "0.250"


def test_difference_is_taken_seed_by_seed():
    # both vary by 0.2 over the seeds, their difference does not
    found = paired_difference({0: 0.5, 1: 0.7, 2: 0.9}, {1: 0.4, 0: 0.2})
    assert (found.mean, found.std) == (pytest.approx(0.3), pytest.approx(0))
    assert found.count == 2


def test_errors():
    with pytest.raises(ValueError, match=r"one or more finite numbers, got \[\]"):
        spread([])
    with pytest.raises(ValueError, match=r"finite numbers, got \[1, nan\]"):
        spread([1, float("nan")])
    with pytest.raises(ValueError, match=r"seeds \[0\] and `baseline` \[1\]"):
        paired_difference({0: 1.0}, {1: 1.0})


def test_answers_without_a_model_have_their_rows():
    metrics = {"all_ap": 0.5, "all_ap_50%": 0.6, "all_ap_25%": 0.7}
    metrics |= {f"one_per_frame/{key}": 0.1 for key in list(metrics)}
    usage = Usage(1.0, 120.0, 0.5)
    results = [Result(name, 0, metrics, usage, 0.3, "") for name in ("a", "b")]
    plan = Plan({"a": "a.py", "b": "b.py"}, (0,), out="")
    lines = markdown(plan, summarise("a", results), {}).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:5]] == [
        "| a",
        "| b",
        "| (one per frame)",
    ]
    assert lines[4].startswith("| (one per frame) | 0.100 | 0.100 | 0.100 |  |")
