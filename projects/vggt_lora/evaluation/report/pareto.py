"""Which models are not beaten in quality and cost at once."""

import numpy as np
from numpy.typing import NDArray

from projects.common.checks import check_shape


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
