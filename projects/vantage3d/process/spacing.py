"""Some of many, evenly over them."""

import numpy as np


def evenly_spaced(count: int, most: int) -> list[int]:
    """At most ``most`` different numbers of 0..count-1, from the first to the last."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})
