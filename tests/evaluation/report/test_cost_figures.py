"""The front against every pair compared, and the grouping of costs by hand."""

import numpy as np
import pytest

from vantage3d.evaluation.report.cost_figures import equal_costs, pareto_front


def slow_front(costs, qualities):
    """Not beaten: nobody is at least as good in both and better in one."""
    points = list(zip(costs, qualities))
    return [
        not (np.isnan(c) or np.isnan(q))
        and not any(
            other_c <= c and other_q >= q and (other_c < c or other_q > q)
            for other_c, other_q in points
        )
        for c, q in points
    ]


@pytest.mark.parametrize("seed", range(20))
def test_front_is_that_of_all_pairs(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 40))
    # Few distinct values, so that ties in cost, in quality and in both occur.
    costs = rng.integers(0, 6, size).astype(float)
    qualities = rng.integers(0, 6, size).astype(float)
    costs[rng.random(size) < 0.1] = np.nan
    front = pareto_front(costs, qualities)
    assert front.tolist() == slow_front(costs, qualities)


def test_front_by_hand():
    costs = np.array([1.0, 2.0, 2.0, 3.0])
    qualities = np.array([0.3, 0.5, 0.4, 0.5])
    assert pareto_front(costs, qualities).tolist() == [True, True, False, False]


def test_lengths_must_agree():
    with pytest.raises(ValueError, match=r"`qualities` must have shape \(N=2,\)"):
        pareto_front(np.zeros(2), np.zeros(3))


def test_costs_within_the_noise_are_equal():
    costs = np.array([104.0, 100.0, 106.0, np.nan, 300.0])
    np.testing.assert_array_equal(
        equal_costs(costs, 0.05), [100.0, 100.0, 106.0, np.nan, 300.0]
    )


def test_a_front_of_noise_has_one_member():
    costs = np.array([420.0, 420.3, 420.6])
    qualities = np.array([0.1, 0.2, 0.3])
    assert pareto_front(costs, qualities).all()
    front = pareto_front(equal_costs(costs, 0.05), qualities)
    assert front.tolist() == [False, False, True]
