"""Which test batches a picture shows."""

import numpy as np


def spaced_batches(batches: int, wanted: int) -> set[int]:
    """Numbers of at most ``wanted`` batches, evenly from the first to the last."""
    return set(np.linspace(0, batches - 1, wanted).round().astype(int).tolist())
