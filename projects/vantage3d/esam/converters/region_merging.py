"""Agglomeration of the regions of an image, cheapest pair of neighbours first."""

import heapq
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

MAX_GAP = 2.0  # Jumps above it are all the same clear border.


def merge_regions(
    labels: NDArray[np.integer],
    appearance: NDArray[np.float64],
    relief: NDArray[np.float64],
    scale: float,
    min_size: float,
) -> NDArray[np.integer]:
    """Merge neighbouring regions until every remaining border is worth keeping.

    The cost of a pair follows Ward's criterion: (squared distance of their mean
    appearances + squared mean jump of the relief along their border) times
    a b / (a + b) for regions that cover the shares a and b of the image. A pair merges
    while its cost is at most ``scale``, or one of the two is below ``min_size``.

    Args:
        labels: (H, W) regions 0..R-1.
        appearance: (H, W, C) what is compared by its mean, 1 a clear difference.
        relief: (H, W) what is compared across the border, 1 a clear jump.
        scale: Share of the image that a clearly different region needs to survive.
        min_size: Share of the image.

    Returns:
        (H, W) regions, 0..M-1.
    """
    merger = _Merger(labels, appearance, relief)
    merger.run(scale, min_size)
    return np.unique(merger.roots()[labels], return_inverse=True)[1].reshape(
        labels.shape
    )


class _Merger:
    """Regions, their neighbours and a heap of possible merges."""

    def __init__(self, labels: NDArray, appearance: NDArray, relief: NDArray) -> None:
        regions = int(labels.max()) + 1
        flat = labels.ravel()
        pixels = np.bincount(flat, minlength=regions)
        channels = appearance.reshape(flat.size, -1).T
        sums = [np.bincount(flat, channel, regions) for channel in channels]
        self.mean = list(np.stack(sums, axis=1) / pixels[:, None])
        self.size = (pixels / flat.size).tolist()
        self.parent = list(range(regions))
        self.version = [0] * regions
        # neighbours[a][b]: length of the border and sum of the jumps along it.
        self.neighbours: list[dict[int, tuple[int, float]]]
        self.neighbours = [{} for _ in range(regions)]
        for a, b, length, jumps in _borders(labels, relief, regions):
            self.neighbours[a][b] = self.neighbours[b][a] = (length, jumps)

    def cost(self, a: int, b: int) -> float:
        length, jumps = self.neighbours[a][b]
        difference = self.mean[a] - self.mean[b]
        size_a, size_b = self.size[a], self.size[b]
        distance = float(difference @ difference) + (jumps / length) ** 2
        return distance * size_a * size_b / (size_a + size_b)

    def run(self, scale: float, min_size: float) -> None:
        heap = [
            (self.cost(a, b), a, b, 0, 0)
            for a, others in enumerate(self.neighbours)
            for b in others
            if a < b
        ]
        heapq.heapify(heap)
        while heap:
            cost, a, b, version_a, version_b = heapq.heappop(heap)
            if (version_a, version_b) != (self.version[a], self.version[b]):
                continue
            if cost > scale and min(self.size[a], self.size[b]) >= min_size:
                continue
            self.merge(a, b)
            for other in self.neighbours[a]:
                x, y = min(a, other), max(a, other)
                entry = (self.cost(x, y), x, y, self.version[x], self.version[y])
                heapq.heappush(heap, entry)

    def merge(self, a: int, b: int) -> None:
        """Add region ``b`` to region ``a``."""
        size = self.size[a] + self.size[b]
        weighted = self.mean[a] * self.size[a] + self.mean[b] * self.size[b]
        self.mean[a], self.size[a] = weighted / size, size
        self.parent[b] = a
        self.version[a] += 1
        self.version[b] = -1
        del self.neighbours[a][b]
        for other, (length, jumps) in self.neighbours[b].items():
            if other == a:
                continue
            del self.neighbours[other][b]
            length_a, jumps_a = self.neighbours[a].get(other, (0, 0.0))
            joint = (length + length_a, jumps + jumps_a)
            self.neighbours[a][other] = self.neighbours[other][a] = joint

    def roots(self) -> NDArray[np.int64]:
        """(R,) the region that each of the first regions ended in."""
        roots = np.asarray(self.parent)
        while (roots[roots] != roots).any():
            roots = roots[roots]
        return roots


def _borders(
    labels: NDArray, relief: NDArray, regions: int
) -> list[tuple[int, int, int, float]]:
    """(a, b, length, sum of jumps) of each pair of neighbours, a < b."""
    keys: dict[str, list[NDArray]] = defaultdict(list)
    for first, second in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1], np.s_[1:]),
    ):
        a, b = labels[first], labels[second]
        border = a != b
        jump = np.abs(relief[first] - relief[second])[border]
        low, high = np.minimum(a, b)[border], np.maximum(a, b)[border]
        keys["pair"].append(low.astype(np.int64) * regions + high)
        keys["jump"].append(np.minimum(jump, MAX_GAP))
    pairs, rank = np.unique(np.concatenate(keys["pair"]), return_inverse=True)
    lengths = np.bincount(rank, minlength=len(pairs))
    jumps = np.bincount(rank, np.concatenate(keys["jump"]), minlength=len(pairs))
    a, b = np.divmod(pairs, regions)
    return list(zip(a.tolist(), b.tolist(), lengths.tolist(), jumps.tolist()))
