"""How far a mean would move with other samples: the bootstrap over clusters.

Frames of one window share a scene and a scale, so what is drawn again and again is
windows, whole, never single frames.
"""

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_positive, check_shape

Floats = NDArray[np.float64]
LEVEL = 0.95


def draw_clusters(clusters: int, resamples: int = 1000, seed: int = 0) -> Floats:
    """How often each cluster is in each resample.

    The same numbers for every model that is measured on the same clusters, so that
    differences of models can be resampled too.

    Args:
        clusters: How many there are.
        resamples: How many are wanted.
        seed: Of the drawing.

    Returns:
        (resamples, clusters) whole numbers; every row sums to ``clusters``.
    """
    check_positive("clusters", clusters)
    check_positive("resamples", resamples)
    rng = np.random.default_rng(seed)
    shares = np.full(clusters, 1 / clusters)
    return rng.multinomial(clusters, shares, size=resamples).astype(np.float64)


def resampled_means(sums: Floats, counts: Floats, draws: Floats) -> Floats:
    """Mean over the values of the drawn clusters, for every resample.

    Args:
        sums: (C, M) sum of the values of each cluster, for M metrics.
        counts: (C, M) how many values those are; 0 where a metric has none.
        draws: (R, C) of :func:`draw_clusters`.

    Returns:
        (R, M); NaN where a resample has no value.

    Raises:
        ValueError: If shapes disagree.
    """
    dims = check_shape("sums", sums, "C M")
    check_shape("counts", counts, "C M", dims=dims)
    check_shape("draws", draws, "R C", dims=dims)
    number = draws @ counts
    total = draws @ np.where(counts > 0, sums, 0)
    return np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)


def interval(values: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Ends of the central share of resampled values (percentile interval).

    Args:
        values: (R, M).
        level: Share of the values between the ends.

    Returns:
        (M,) lower and upper ends; NaN where there is no value.
    """
    low, high = np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    ends = (1 - level) / 2, (1 + level) / 2
    for i, column in enumerate(values.T):
        known = column[~np.isnan(column)]
        if len(known):
            low[i], high[i] = np.quantile(known, ends)
    return low, high
