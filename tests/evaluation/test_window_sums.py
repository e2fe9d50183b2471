"""Sums over windows against a slow loop."""

import numpy as np
import pytest

from vantage3d.evaluation.window_sums import window_sums


@pytest.mark.parametrize("radius", [1, 2, 5])
@pytest.mark.parametrize("axis", [0, 1])
def test_sums_are_those_of_a_loop(radius, axis):
    array = np.random.default_rng(0).normal(size=(7, 9))
    powers = (0, 1, 2)
    found = window_sums(array, radius, axis, powers)
    for sums, power in zip(found, powers):
        for row, column in np.ndindex(array.shape):
            expected = 0.0
            for offset in range(-radius, radius + 1):
                at = [row, column]
                at[axis] += offset
                if 0 <= at[axis] < array.shape[axis]:
                    expected += offset**power * array[tuple(at)]
            assert sums[row, column] == pytest.approx(expected, abs=1e-12)
