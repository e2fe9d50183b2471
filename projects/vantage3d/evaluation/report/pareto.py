"""Which models are not beaten in quality and cost at once."""

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_shape


def pareto_front(
    costs: NDArray[np.floating], qualities: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Members of the front: nothing costs less or the same and is better or the same.

    Equal points are all members or none. A point with a NaN is never a member.

    Args:
        costs: (N,) lower is better.
        qualities: (N,) higher is better.

    Returns:
        (N,) bool.

    Raises:
        ValueError: If the lengths differ.
    """
    dims = check_shape("costs", costs, "N")
    check_shape("qualities", qualities, "N", dims=dims)
    front = np.zeros(len(costs), bool)
    known = np.isfinite(costs) & np.isfinite(qualities)
    order = np.lexsort((-qualities, costs))  # cheap first, of equal cost the best first
    reached, reached_cost = -np.inf, np.nan
    for index in order[known[order]]:
        cost, quality = costs[index], qualities[index]
        same = cost == reached_cost and quality == reached
        if quality > reached or same:
            front[index] = True
            reached, reached_cost = quality, cost
    return front


def equal_costs(costs: NDArray[np.floating], tolerance: float) -> NDArray[np.floating]:
    """Costs with those that differ by less than the noise of measuring made equal.

    From the cheapest on, every cost within ``tolerance`` of the first of its group is
    replaced by that first one.

    Args:
        costs: (N,) positive or NaN.
        tolerance: Share of a cost, such as 0.05.

    Returns:
        (N,)
    """
    equal = costs.copy()
    first = np.nan
    for index in np.argsort(costs):
        if not costs[index] <= first * (1 + tolerance):
            first = costs[index]
        equal[index] = first
    return equal
