"""95 % intervals of means over independent clusters: drives, scenes, sequences.

Windows of one drive overlap, and frames of one window share a scene and a scale: they
repeat each other, so an interval over windows is too narrow, however many there are.
What is drawn again and again is whole clusters (the cluster bootstrap), by every
report, comparison and study, through :func:`cluster_interval`.

From ten clusters on the ends are percentiles of the bootstrap, farther out by the ratio
of Student's quantile to the normal one and by sqrt(C / (C - 1)) (Hesterberg's expanded
percentiles): plain ones of ten clusters cover 90 % where they say 95. Below ten it is
Student's t on the jackknife over clusters, for clusters of equal size the t-interval of
their means; tables call it "few". Where one cluster in ten is far off the others, both
cover less than they say.
"""

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_positive, check_shape

Floats = NDArray[np.floating[Any]]
LEVEL = 0.95
FEW = 10  # clusters; below, the interval is Student's
RESAMPLES = 2000
RESCAN = re.compile(r"(scene\d{4})_\d\d")  # of ScanNet: the same room filmed again


class Interval(NamedTuple):
    """Ends of a 95 % interval, and what it rests on.

    Attributes:
        low: Lower end; NaN where there is no interval.
        high: Upper end.
        clusters: Independent drives, scenes or sequences with a value.
        frames: Distinct frames with a value; a frame of several windows counts once.
    """

    low: float = math.nan
    high: float = math.nan
    clusters: int = 0
    frames: int = 0

    @property
    def holds_zero(self) -> bool:
        return self.low <= 0 <= self.high

    @property
    def few(self) -> bool:
        """Whether it is Student's, of less than :data:`FEW` clusters."""
        return self.clusters < FEW

    @property
    def basis(self) -> str:
        """``6 clusters (few), 66 frames``."""
        few = " (few)" if self.few else ""
        return (
            f"{self.clusters} cluster{'s' * (self.clusters != 1)}{few}, "
            f"{self.frames} frame{'s' * (self.frames != 1)}"
        )


def cluster_of(sequence: str) -> str:
    """What a sequence is independent by: its scene.

    Rescans of a ScanNet room are one cluster, and so is everything below one folder
    (weathers of a scene of Virtual KITTI, sequences of a room of 7-Scenes): too few
    clusters widen an interval, too many make it wrong.

    Example:
        >>> [cluster_of(name) for name in ("scene0707_01", "chess/seq-03", "drive_04")]
        ['scene0707', 'chess', 'drive_04']
    """
    first = sequence.partition("/")[0]
    rescan = RESCAN.fullmatch(first)
    return rescan[1] if rescan else first


def cluster_interval(
    statistic: Callable[[Floats], Floats], clusters: int
) -> tuple[Floats, Floats]:
    """Ends of the 95 % interval of statistics of weighted clusters.

    Paired differences are statistics too: of the same weights for both models.

    Args:
        statistic: Maps (R, C) weights, how often each cluster counts, to (R, K) values,
            as :func:`weighted_means` does.
        clusters: Number of clusters, C.

    Returns:
        (K,) lower and upper ends; NaN of a single cluster, which says nothing of how
        far others are.
    """
    estimate = statistic(np.ones((1, clusters)))[0]
    if clusters < 2:
        return np.full_like(estimate, np.nan), np.full_like(estimate, np.nan)
    from scipy.special import ndtr, stdtrit  # brings the start of scipy, not for --help

    t = stdtrit(clusters - 1, (1 + LEVEL) / 2)
    if clusters < FEW:
        without = statistic(1 - np.eye(clusters))
        squares = np.square(without - without.mean(axis=0)).sum(axis=0)
        half = t * np.sqrt((clusters - 1) / clusters * squares)
        return estimate - half, estimate + half
    tail = float(ndtr(-t * math.sqrt(clusters / (clusters - 1))))
    low, high = np.nanquantile(
        statistic(draw_clusters(clusters)), (tail, 1 - tail), axis=0
    )
    return low, high


@lru_cache(maxsize=8)
def draw_clusters(clusters: int, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """How often each cluster is in each resample.

    The same numbers for every model that is measured on the same clusters, so that
    differences of models can be resampled too.

    Returns:
        (resamples, clusters) whole numbers; every row sums to ``clusters``.
    """
    check_positive("clusters", clusters)
    check_positive("resamples", resamples)
    rng = np.random.default_rng(seed)
    shares = np.full(clusters, 1 / clusters)
    draws = rng.multinomial(clusters, shares, size=resamples).astype(np.float64)
    draws.flags.writeable = False  # everybody gets the same
    return draws


def weighted_means(sums: Floats, counts: Floats, weights: Floats) -> Floats:
    """Mean over the values of weighted clusters.

    Args:
        sums: (C, M) sum of the values of each cluster, for M metrics.
        counts: (C, M) how many values those are; 0 where a metric has none.
        weights: (R, C) how often each cluster counts.

    Returns:
        (R, M); NaN where nothing with a weight has a value.

    Raises:
        ValueError: If shapes disagree.
    """
    dims = check_shape("sums", sums, "C M")
    check_shape("counts", counts, "C M", dims=dims)
    check_shape("weights", weights, "R C", dims=dims)
    number = weights @ counts
    total = weights @ np.where(counts > 0, sums, 0)
    return np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)
