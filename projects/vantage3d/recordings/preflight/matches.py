"""How well views without depth agree: matched points lie on their epipolar lines."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid, normalise_pixels
from vantage3d.recordings.keypoints import mutual_matches
from vantage3d.recordings.preflight.agreement import Agreement, flipped
from vantage3d.recordings.preflight.footage import (
    QUICK_PAIRS,
    TURN_DEG,
    WIDEST_DEG,
    Film,
    FrameReader,
    cheapest,
    choose,
)
from vantage3d.recordings.preflight.hypotheses import Facts, Hypothesis

# What shows without depth; lengths have no unit that could be seen.
KINDS = frozenset({"inverted", "axes", "pose_shift", "focal", "size", "flip"})
WIDTH = 640  # columns at most in which keypoints are found
KEYPOINTS = 1500  # of an image
ENOUGH = 12  # matches that a pair must have
TOLERANCES = np.array([0.5, 1, 2, 4])  # pixels, of images of at most 320 columns
FAR_PIXELS = 2.0  # of parallax, below which it is not known where rays meet
NEAR = 1  # which of them is told
Values = NDArray[np.float64]
Point = tuple[Values, Values]  # (M, 2) pixels in a first and a second view


@dataclass(kw_only=True)
class Matches(Film):
    """Frames without depth.

    Attributes:
        sizes: (W, H) of every image that was matched.
        costs: (A, A) of pairs that have matches; infinite for others.
        found: (M, 2) pixels in the first and the second view, by pair of rows.
    """

    sizes: list[tuple[int, int]]
    costs: Values
    found: dict[tuple[int, int], Point]

    @property
    def grid(self) -> tuple[int, ...]:
        width, height = self.sizes[0]
        return height, width

    @property
    def quick(self) -> "Matches":
        """Fewer pairs, which tell the gross mistakes."""
        return replace(self, most=QUICK_PAIRS)

    @cached_property
    def pairs(self) -> NDArray[np.int64]:
        return cheapest(self.costs, self.most)

    @property
    def still(self) -> bool:
        return False  # what such views do not tell is found by trying

    def evidence(self, landed: float, color: float) -> str:
        count = sum(len(points) for points, _ in self.found.values())
        return (
            f"{landed:.0%} of {count} matches between views lie on their epipolar lines"
        )


def matches_of(reader: FrameReader) -> Matches | None:
    """Matches between posed images of a sequence; None where there are none."""
    described: list[tuple[tuple[int, int], Any, Any]] = []
    Ks: list[Values] = []
    places: list[tuple[int, float, tuple[int, int]]] = []
    for at in choose(reader):
        if (photo := reader.photo(at)) is None:
            continue
        image, K = photo
        every = max(1.0, image.shape[1] / WIDTH)
        size = round(image.shape[1] / every), round(image.shape[0] / every)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        points, features = _SIFT.detectAndCompute(grey, None)
        described.append((size, points, features))
        Ks.append(np.diag([size[0] / image.shape[1], size[1] / image.shape[0], 1]) @ K)
        places.append((at, every, (image.shape[1], image.shape[0])))
    if len(places) < 2:
        return None
    _, every, size = places[0]
    film = Matches(
        reader=reader,
        places=np.array([at for at, _, _ in places]),
        K=np.stack(Ks),
        every=every,
        size=size,
        sizes=[size for size, _, _ in described],
        costs=np.zeros((len(places), len(places))),
        found={},
    )
    angles, moves = film.motion
    turns = np.maximum(angles, 1e-3) / TURN_DEG
    cost = np.abs(np.log(turns)) + 10 * (angles > WIDEST_DEG)
    # Of views that turn alike, those that moved show more; those that did not, nothing.
    cost -= np.log(np.maximum(moves, 1e-9) / max(float(np.nanmedian(moves)), 1e-9))
    film.costs = np.full_like(cost, np.inf)
    for a, b in cheapest(np.where(np.tri(len(cost)) > 0, np.inf, cost), film.most):
        points = _matched(*(described[n][1:] for n in (a, b)))
        if len(points[0]) >= ENOUGH:
            film.found[int(a), int(b)], film.costs[a, b] = points, cost[a, b]
    return film if len(film.pairs) else None


_SIFT: Any = cv2.SIFT.create(KEYPOINTS)


def _matched(first: tuple, second: tuple) -> Point:
    """(M, 2) pixels of keypoints in either image that belong together."""
    (points, features), (others, further) = first, second
    pairs = [(points[a].pt, others[b].pt) for a, b in mutual_matches(features, further)]
    both = np.array(pairs, np.float64).reshape(-1, 2, 2)
    return both[:, 0], both[:, 1]


def measure(film: Matches, facts: Facts, guess: Hypothesis) -> Agreement:
    """Agreement of all pairs of views: matches near their lines, ahead of both cameras.

    A line is that of points in one view on the ray of a pixel in the other; distances
    are the larger of both, so that what is near in one view alone does not count.
    """
    scores = np.full((4, len(film.pairs)), np.nan)
    for row, (a, b) in enumerate(film.pairs):
        if (seen := on_lines(film, facts, guess, (int(a), int(b)))) is None:
            continue
        off = np.maximum(_off(seen.lines, seen.second), _off(seen.others, seen.first))
        ahead = seen.ahead
        near = (off < TOLERANCES[:, None] * max(1.0, film.sizes[a][0] / 320)) & ahead
        scores[:, row] = near.mean(), 0, ahead.mean(), near[NEAR].mean()
    return Agreement(*scores)


class OnLines(NamedTuple):
    """Matches of two views and their epipolar lines, as a hypothesis has them.

    Attributes:
        first: (M, 2) pixels in the first view.
        second: (M, 2) in the second.
        lines: (M, 3) a, b, c in the second view, where a x + b y + c = 0.
        others: (M, 3) in the first view, of the pixels of the second.
        ahead: (M,) whether the rays meet in front of both cameras.
    """

    first: Values
    second: Values
    lines: Values
    others: Values
    ahead: NDArray[np.bool_]


def on_lines(
    film: Matches, facts: Facts, guess: Hypothesis, pair: tuple[int, int]
) -> OnLines | None:
    """Matches of a pair and their lines; None where the camera did not move."""
    rows = list(pair)
    K = guess.intrinsics(film.K[rows])
    poses = guess.pose(film.pose(film.places[rows] + guess.pose_shift), facts.axes)
    between = invert_rigid(poses[1]) @ poses[0]
    length = np.linalg.norm(between[:3, 3])
    if not np.isfinite(length) or length == 0:
        return None
    points = zip(film.found[pair], rows)
    first, second = (flipped(p, guess, film.sizes[n][::-1]) for p, n in points)
    turn, move = between[:3, :3], between[:3, 3] / length
    starts, ends = _rays(first, K[0]), _rays(second, K[1])
    essential = np.cross(np.eye(3), move).T @ turn  # [t]x R
    lines = starts @ essential.T @ np.linalg.inv(K[1])
    others = ends @ essential @ np.linalg.inv(K[0])
    ahead = _ahead(starts @ turn.T, ends, move, FAR_PIXELS / K[0, 0, 0])
    return OnLines(first, second, lines, others, ahead)


def _rays(pixels: Values, K: Values) -> Values:
    """(M, 3) rays with z = 1."""
    return np.column_stack([normalise_pixels(pixels, K), np.ones(len(pixels))])


def _off(lines: Values, pixels: Values) -> Values:
    """(M,) distances of pixels from lines."""
    reach = (lines[:, :2] * pixels).sum(1) + lines[:, 2]
    return np.abs(reach) / np.maximum(np.hypot(*lines[:, :2].T), 1e-12)


def _ahead(
    starts: Values, ends: Values, move: Values, least: float
) -> NDArray[np.bool_]:
    """Whether s starts + move = t ends has s, t > 0, by least squares.

    Rays that are parallel to ``least`` (radians) meet far away, in front for all that
    is known.
    """
    a, b, c = (starts**2).sum(1), (starts * ends).sum(1), (ends**2).sum(1)
    d, e = starts @ move, ends @ move
    parallel = a * c - b * b < least**2 * a * c
    return parallel & (b > 0) | (b * e - c * d > 0) & (a * e - b * d > 0)
