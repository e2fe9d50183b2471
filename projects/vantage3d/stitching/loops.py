"""Views that return: candidates by features, proven by matches in three dimensions.

A network may think that two places are one because they look alike. So a candidate
counts only where image features (SIFT) match, and where the points at the matches, as
either chunk's own depth has them, lie on each other after one similarity.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import unproject_pixels
from vantage3d.geometry.similarity import Floats
from vantage3d.recordings.keypoints import mutual_matches
from vantage3d.stitching.alignment import Alignment, align
from vantage3d.stitching.chunks import Chunk

PARTNERS, PAIRS = 3, 2  # chunks that each is compared with, pairs of frames of each
FEATURES = 1000  # of SIFT, most per image
LEAST_MATCHES, LEAST_SHARE = 20, 0.4  # that must agree for two places to be one
FOLD = 1.15  # between neighbouring pixels: a greater ratio of depths is an edge
KEPT = 64  # images whose features stay in memory
Images = Callable[[int], NDArray[np.uint8]]
Matcher = Callable[[int, int], tuple[Floats, Floats]]


class Candidate(NamedTuple):
    """Two chunks that may show one place, and the frames that look most alike."""

    first: int
    second: int
    pairs: tuple[tuple[int, int], ...]


def candidates(features: Floats, ranges: Sequence[range], gap: int) -> list[Candidate]:
    """Chunks that look most alike, each with a few others.

    Args:
        features: (N, C) of all frames.
        ranges: Frames of each chunk.
        gap: Frames that must lie between two chunks.
    """
    looks = features - features.mean(0)
    looks = looks / np.maximum(np.linalg.norm(looks, axis=1, keepdims=True), 1e-12)
    found: dict[tuple[int, int], Candidate] = {}
    for a, own in enumerate(ranges):
        alike = looks[own.start : own.stop] @ looks.T
        scored = []
        for b, other in enumerate(ranges):
            if max(own.start - other.stop, other.start - own.stop) < gap:
                continue
            block = alike[:, other.start : other.stop]
            best = np.argsort(block, axis=None)[::-1][:PAIRS]
            pairs = [divmod(int(place), block.shape[1]) for place in best]
            numbers = tuple((own.start + i, other.start + j) for i, j in pairs)
            scored.append((block.max(), b, numbers))
        for _, b, numbers in sorted(scored, reverse=True)[:PARTNERS]:
            if (b, a) not in found:
                found[a, b] = Candidate(a, b, numbers)
    return list(found.values())


def prove(
    first: Chunk, second: Chunk, views: tuple[int, int], pixels: tuple[Floats, Floats]
) -> Alignment | None:
    """The similarity from the second chunk to the first, if matches prove it.

    Args:
        first: A chunk.
        second: Another.
        views: Which frame of each was matched.
        pixels: (M, 2) of either frame that match, in pixels of the depth maps.
    """
    depths = [
        depth_at(chunk.depth[view], at)
        for chunk, view, at in zip((first, second), views, pixels)
    ]
    known = (depths[0] > 0) & (depths[1] > 0)
    if known.sum() < LEAST_MATCHES:
        return None
    target, source = (
        unproject_pixels(
            at[known],
            depth[known],
            chunk.K[view].astype(np.float64),
            chunk.cam2world[view],
        )
        for chunk, view, at, depth in zip((first, second), views, pixels, depths)
    )
    count = int(known.sum())
    found = align(source, target, depths[0][known], np.ones(count))
    if found is None or found.share < LEAST_SHARE:
        return None
    return found if found.share * count >= LEAST_MATCHES else None


def depth_at(depth: Floats, pixels: Floats) -> Floats:
    """(M,) depth between pixels, 0 where one of the four is missing or at an edge.

    The inverse is interpolated: on a plane it is linear in the image.
    """
    height, width = depth.shape
    corner = np.floor(pixels).astype(int)
    inside = ((corner >= 0) & (corner < [width - 1, height - 1])).all(1)
    x, y = np.where(inside[:, None], corner, 0).T
    right, down = (pixels - corner).T
    four = np.stack([depth[y + j, x + i] for j in (0, 1) for i in (0, 1)])
    good = inside & (four.min(0) > 0) & (four.max(0) < FOLD * four.min(0))
    weights = np.stack(
        [
            (1 - down) * (1 - right), (1 - down) * right,
            down * (1 - right), down * right,
        ]
    )  # fmt: skip
    inverse = (weights / np.where(four > 0, four, 1)).sum(0)
    return np.where(good, 1 / inverse, 0.0)


class SiftMatcher:
    """Matches of two frames by SIFT, in pixels of the depth maps.

    Args:
        images: Gives (H, W, 3) RGB of a frame by its number, of any size.
        size: (W, H) of the depth maps.
    """

    def __init__(self, images: Images, size: tuple[int, int]) -> None:
        self.images, self.size = images, size
        self.detector: Any = cv2.SIFT.create(FEATURES)
        self.seen: OrderedDict[int, tuple[Floats, Floats | None]] = OrderedDict()

    def __call__(self, first: int, second: int) -> tuple[Floats, Floats]:
        """(M, 2) pixels of either frame: each the other's best match (ratio test)."""
        (ours, of_ours), (theirs, of_theirs) = self._look(first), self._look(second)
        index = mutual_matches(of_ours, of_theirs)
        return ours[index[:, 0]], theirs[index[:, 1]]

    def _look(self, frame: int) -> tuple[Floats, Floats | None]:
        """Pixels and descriptors of a frame's features."""
        if frame not in self.seen:
            image = np.ascontiguousarray(self.images(frame))
            gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            keypoints, descriptors = self.detector.detectAndCompute(gray, None)
            pixels = np.array([k.pt for k in keypoints], np.float64).reshape(-1, 2)
            scale = np.array(self.size) / (gray.shape[1], gray.shape[0])
            self.seen[frame] = (pixels + 0.5) * scale - 0.5, descriptors
            if len(self.seen) > KEPT:
                self.seen.popitem(last=False)
        return self.seen[frame]
