"""Mean and spread against values computed by hand."""

import pytest

from vantage3d.comparison import paired_difference, spread


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
