"""Superpoints from depth, with colour or without, and no network."""

import heapq
import warnings
from collections import defaultdict
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab
from skimage.segmentation import felzenszwalb, slic

from vantage3d.geometry.rasters import fill_holes

WORKING_WIDTH = 320
COMPACTNESS = 0.3
# One unit of each channel is a clear border.
LIGHTNESS_UNIT = 40.0
COLOR_UNIT = 20.0  # a and b of CIE Lab
DEPTH_UNIT = 0.05  # 5 % of the depth
# Sizes of the first, too fine segmentation, as shares of the image.
FINE_SCALE = 2e-5
FINE_SIZE = 1.3e-4
MAX_GAP = 2.0  # Jumps above it are all the same clear border.


class GraphSegmenter:
    """Graph-based segmentation of colour, depth and normals in two steps.

    A fine segmentation (Felzenszwalb and Huttenlocher 2004, scikit-image) keeps every
    border; then its regions are merged while what a border separates is too alike for
    its size (:func:`merge_regions`), which stops the leaks of the first step. Works at
    about 320 pixels of width.

    Args:
        scale: Share of the image that a clearly different region needs to survive;
            larger gives fewer and larger superpoints.
        min_size: Smallest superpoint as a share of the image.
    """

    of_color = False

    def __init__(self, scale: float = 1e-3, min_size: float = 5e-4) -> None:
        if not (0 < scale < 1 and 0 <= min_size < 1):
            raise ValueError(
                "graph scale and smallest size are shares of the image between 0 and "
                f"1, got {scale} and {min_size}"
            )
        self.scale, self.min_size = scale, min_size

    def __call__(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], sample_idx: str = ""
    ) -> NDArray[np.integer]:
        """(H, W) superpoints, -1 where depth is missing; see ``segmenters``."""
        return at_working_size(depth, lambda step: self._segment(image, depth, step))

    def _segment(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], step: int
    ) -> NDArray[np.integer]:
        features = feature_channels(image, depth, step)
        with warnings.catch_warnings():  # It takes 7 channels for a mistake.
            warnings.filterwarnings("ignore", "Got image with third dimension")
            fine = felzenszwalb(
                features,
                scale=255 * FINE_SCALE * features[..., 0].size,
                sigma=0,
                min_size=max(1, round(FINE_SIZE * features[..., 0].size)),
                channel_axis=2,
            )
        return merge_regions(
            fine, features[..., :6], features[..., 6], self.scale, self.min_size
        )


def feature_channels(
    image: NDArray[np.uint8], depth: NDArray[np.float32], step: int = 1
) -> NDArray[np.float64]:
    """(H // step, W // step, 7): Lab colour, unit normals and log depth.

    They are scaled so that one unit is a clear border in each of them.
    """
    height, width = depth.shape[0] // step, depth.shape[1] // step
    filled = fill_depth(depth)[step // 2 :: step, step // 2 :: step][:height, :width]
    whole = image[: height * step, : width * step]
    color = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    lab = rgb2lab(cv2.GaussianBlur(color, (0, 0), 0.8))
    lab /= (LIGHTNESS_UNIT, COLOR_UNIT, COLOR_UNIT)
    log_depth = np.log(filled)[..., None] / DEPTH_UNIT
    return np.concatenate([lab, surface_normals(filled), log_depth], axis=2)


class GeometrySegmenter:
    """Compact cells that end where depth jumps or a surface turns (SLIC).

    What a model then says about the borders of flush objects, it cannot have from its
    superpoints: on a plane they are regular cells whatever the image shows.

    Args:
        cell: Side of a cell as a share of the image's width.
    """

    of_color = False

    def __init__(self, cell: float = 0.04) -> None:
        if not 0 < cell < 1:
            raise ValueError(
                f"a cell is a share of the image's width between 0 and 1, got {cell}"
            )
        self.cell = cell

    def __call__(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], sample_idx: str = ""
    ) -> NDArray[np.integer]:
        """(H, W) superpoints, -1 where depth is missing; see ``segmenters``."""
        return at_working_size(depth, lambda step: self._segment(depth, step))

    def _segment(self, depth: NDArray[np.float32], step: int) -> NDArray[np.integer]:
        filled = fill_depth(depth)
        channels = np.concatenate(
            [surface_normals(filled), np.log(filled)[..., None] / DEPTH_UNIT], axis=2
        )[step // 2 :: step, step // 2 :: step]
        side = self.cell * channels.shape[1]
        return slic(
            channels,
            n_segments=max(1, round(channels[..., 0].size / side**2)),
            compactness=COMPACTNESS,
            start_label=0,
            channel_axis=2,
            convert2lab=False,
        )


def at_working_size(
    depth: NDArray[np.float32], segment: Callable[[int], NDArray[np.integer]]
) -> NDArray[np.integer]:
    """Superpoints of a segmenter that works at about ``WORKING_WIDTH`` pixels of width.

    Args:
        depth: (H, W) z-depth in metres, 0 where missing.
        segment: From a step to the superpoints of every step-th pixel both ways, at
            least H // step rows and W // step columns; called if there is any depth.

    Returns:
        (H, W) superpoints, -1 where depth is missing.
    """
    if not (depth > 0).any():
        return np.full(depth.shape, -1)
    height, width = depth.shape
    step = max(1, round(width / WORKING_WIDTH))
    small = segment(step)
    rows = np.minimum(np.arange(height) // step, small.shape[0] - 1)
    columns = np.minimum(np.arange(width) // step, small.shape[1] - 1)
    return np.where(depth > 0, small[rows[:, None], columns], -1)


def fill_depth(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) depth with holes filled from the nearest pixel and speckles removed."""
    return cv2.medianBlur(fill_holes(depth), 5)


def surface_normals(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 3) unit normals, with a field of view that is usual for RGB-D cameras.

    Inverse depth is affine in the pixel on any plane, so its gradient gives the normal:
    n ~ (f dw/dx, f dw/dy, w - x dw/dx - y dw/dy) for w = 1/z and x, y from the centre.
    """
    height, width = depth.shape
    focal = 0.9 * width
    w = cv2.GaussianBlur(1 / depth, (0, 0), 1.0)
    dx = cv2.Sobel(w, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    dy = cv2.Sobel(w, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    x = np.arange(width, dtype=np.float32) - (width - 1) / 2
    y = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
    normals = np.stack([focal * dx, focal * dy, w - x * dx - y * dy], axis=2)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    # The filters reach over the edge of the image: take the normals from inside.
    edge = min(3, (min(height, width) - 1) // 2)
    inside = normals[edge : height - edge, edge : width - edge]
    return np.pad(inside, ((edge, edge), (edge, edge), (0, 0)), mode="edge")


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
