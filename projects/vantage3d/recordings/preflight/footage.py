"""Frames of a sequence that are compared: which, and what is read of them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Image = NDArray[np.float32]
MOST = 24  # frames of which depth is read
BASES = 8  # of a long sequence; each with frames that see the same from elsewhere
OFFSETS = (1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90)  # frames from a base
REACH = 5  # frames to which neighbours are asked for
SHIFTS = tuple(k for k in range(-REACH, REACH + 1) if k)
WIDTH = 320  # columns at most that are compared
TURN_DEG, MOVE = 15.0, 0.3  # between two views worth comparing; share of the depth
WIDEST_DEG = 60.0
STILL_DEG, STILL = 0.5, 0.01  # turn and share of the depth, below which nothing moved
PAIRS, POINTS = 48, 1200
QUICK_PAIRS, QUICK_POINTS = 16, 400  # by which hypotheses are sorted first
WINDOW = 11  # pixels around which contrast is normalised
GREY = 4.0  # levels of grey that are noise


class Posed(NamedTuple):
    """A frame's depth.

    Attributes:
        depth: (H, W) z-depth in metres, 0 = missing.
        K: (3, 3) in pixels of ``depth``.
    """

    depth: Image
    K: Matrix


class FrameReader(ABC):
    """Frames of a sequence by their place in it."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of frames."""

    @abstractmethod
    def pose(self, at: int) -> Matrix | None:
        """(4, 4) cam2world; None where the frame cannot be used."""

    @abstractmethod
    def depth(self, at: int) -> Posed | None:
        """Depth; None where it cannot be read."""

    @abstractmethod
    def color(self, at: int, place: int) -> NDArray[np.uint8] | None:
        """(H, W, 3) colour of frame ``at`` on the grid of the depth of ``place``."""

    def photo(self, at: int) -> tuple[NDArray[np.uint8], Matrix] | None:
        """(H, W, 3) colour and its K (3, 3), for recordings without depth."""
        return None


@dataclass(kw_only=True)
class Film(ABC):
    """Some frames of a sequence and the pairs of them that are compared.

    Attributes:
        reader: Where frames come from.
        places: (A,) places of the frames.
        K: (A, 3, 3) in pixels of what is compared.
        every: One of so many pixels of the files is taken, each way.
        size: (W, H) of the images in the files.
        most: Pairs that are compared at most.
        poses: Poses that were read, by place; None where there is none.
    """

    reader: FrameReader
    places: NDArray[np.int64]
    K: Matrix
    every: float
    size: tuple[int, int]
    most: int = PAIRS
    poses: dict[int, Matrix | None] = field(default_factory=dict)

    @property
    @abstractmethod
    def pairs(self) -> NDArray[np.int64]:
        """(P, 2) rows of frames that see the same from elsewhere, the best first."""

    @property
    @abstractmethod
    def still(self) -> bool:
        """Whether the camera hardly moved: such views agree whatever cameras are."""

    @property
    @abstractmethod
    def grid(self) -> tuple[int, ...]:
        """(h, w) of what is compared."""

    @abstractmethod
    def evidence(self, landed: float, color: float) -> str:
        """What an agreement means, in words."""

    @property
    def focal(self) -> float:
        """Focal length of the first camera, pixels of the files."""
        return float(self.K[0, 0, 0]) * self.every

    def pose(self, places: Iterable[int]) -> Matrix:
        """(..., 4, 4) poses of places in the sequence; NaN where there is none."""
        return np.stack([self._pose(int(at)) for at in places])

    def _pose(self, at: int) -> Matrix:
        if at not in self.poses:
            inside = 0 <= at < len(self.reader)
            self.poses[at] = self.reader.pose(at) if inside else None
        pose = self.poses[at]
        return np.full((4, 4), np.nan) if pose is None else pose

    @cached_property
    def motion(self) -> tuple[Matrix, Matrix]:
        """(A, A) angles in degrees and distances of the cameras."""
        poses = self.pose(self.places)
        turns = poses[:, :3, :3].reshape(len(poses), 9)
        # The angle is the same whatever poses mean: trace(Ri^T Rj) = trace(Ri Rj^T).
        angles = np.degrees(np.arccos(np.clip((turns @ turns.T - 1) / 2, -1, 1)))
        between = poses[:, None, :3, 3] - poses[None, :, :3, 3]
        return angles, np.linalg.norm(between, axis=-1)


@dataclass(kw_only=True)
class Footage(Film):
    """Frames with depth.

    Attributes:
        depth: (A, h, w) metres, 0 = missing; every so many-th pixel of the files.
        samples: (A, N, 2) pixels (x, y) with depth, drawn from every frame.
        lumas: (A, h, w) images that were read, by shift, and of which rows.
    """

    depth: Image
    samples: NDArray[np.int64]
    lumas: dict[int, tuple[Image, set[int]]] = field(default_factory=dict)

    @property
    def grid(self) -> tuple[int, ...]:
        return self.depth.shape[1:]

    def evidence(self, landed: float, color: float) -> str:
        return (
            f"{landed:.0%} of the points that another view sees lie on its surface and "
            f"colours correlate by {color:.2f}"
        )

    @cached_property
    def kept(self) -> Callable[..., Any]:
        """Calls a function of this and of more, unless it just did."""
        return lru_cache(2)(lambda function, *more: function(self, *more))

    @property
    def quick(self) -> "Footage":
        """Fewer pairs and points, which tell the gross mistakes."""
        return replace(self, most=QUICK_PAIRS, samples=self.samples[:, :QUICK_POINTS])

    def luma(self, shift: int) -> Image:
        """(A, h, w) grey of unit contrast, of frames so many places later.

        NaN where there is none; zero in frames that are in no pair. Neighbours are read
        together: those of one frame overlap with those of the next.
        """
        for at in SHIFTS if shift else (0,):
            self.lumas.setdefault(at, (np.zeros_like(self.depth), set()))
        for row in sorted(set(self.pairs.ravel().tolist()) - self.lumas[shift][1]):
            for at in SHIFTS if shift else (0,):
                images, read = self.lumas[at]
                if row not in read:
                    image = self._luma(int(self.places[row]), at)
                    images[row] = np.nan if image is None else image
                    read.add(row)
        return self.lumas[shift][0]

    def _luma(self, place: int, shift: int) -> Image | None:
        inside = 0 <= place + shift < len(self.reader)
        color = self.reader.color(place + shift, place) if inside else None
        return None if color is None else contrast(color, round(self.every))

    def alone(self, pair: NDArray[np.int64]) -> "Footage":
        """Two frames, with every pixel of the first that has depth as a sample."""
        rows, columns = np.nonzero(self.depth[pair[0]])
        samples = np.stack(2 * [np.stack([columns, rows], -1)])
        return replace(
            self,
            places=self.places[pair],
            depth=self.depth[pair],
            K=self.K[pair],
            samples=samples,
            lumas={},
        )

    @property
    def still(self) -> bool:
        angles, moves = (values[tuple(self.pairs.T)] for values in self.motion)
        share = float(np.median(moves)) / float(np.median(self.depth[self.depth > 0]))
        return float(np.median(angles)) < STILL_DEG and share < STILL

    @cached_property
    def pairs(self) -> NDArray[np.int64]:
        angles, moves = self.motion
        turns = angles / TURN_DEG
        cost = np.abs(np.log(np.maximum(turns, 1e-9)))
        cost += 10 * (angles > WIDEST_DEG)
        if np.nanmax(angles) < TURN_DEG / 2:  # it hardly turns
            share = moves / (MOVE * np.median(self.depth[self.depth > 0]))
            # Of another unit, perhaps: those farthest apart are as good a guess.
            near = np.hypot(turns, share / max(1.0, float(np.nanmedian(share)) / 20))
            cost = np.minimum(
                np.abs(np.log(np.maximum(near, 1e-9))),
                np.log(np.nanmax(moves) / np.maximum(moves, 1e-9)),
            )
        # Of views that turn alike, those that moved show more.
        cost -= 0.15 * np.minimum(moves / max(float(np.nanmedian(moves)), 1e-9), 1)
        return cheapest(cost, self.most)


def cheapest(cost: Matrix, most: int) -> NDArray[np.int64]:
    """(P, 2) pairs of frames by rising cost (A, A), at most so many."""
    cost = np.where(np.isfinite(cost), cost, np.inf)
    np.fill_diagonal(cost, np.inf)
    order = np.argsort(cost, axis=None, kind="stable")[:most]
    order = order[cost.flat[order] < np.inf]
    return np.stack(np.unravel_index(order, cost.shape), -1)


def draw(depth: Image) -> NDArray[np.int64]:
    """(A, N, 2) pixels (x, y) with depth of (A, h, w) maps."""
    rng = np.random.default_rng(0)
    drawn = []
    for one in depth:
        rows, columns = np.nonzero(one)
        chosen = rng.choice(len(rows), POINTS, replace=len(rows) < POINTS)
        drawn.append(np.stack([columns[chosen], rows[chosen]], -1))
    return np.array(drawn)


def contrast(color: NDArray[np.uint8], every: int) -> Image:
    """(h, w) grey of zero mean and unit contrast around each pixel."""
    grey = np.asarray(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), np.float32)
    if every > 1:
        grey = np.asarray(cv2.blur(grey, (every, every))[::every, ::every])
    mean = cv2.blur(grey, (WINDOW, WINDOW))
    spread = cv2.blur(grey * grey, (WINDOW, WINDOW)) - mean * mean
    return np.asarray((grey - mean) / (np.sqrt(np.maximum(spread, 0)) + GREY))


def film_of(reader: FrameReader) -> Footage | None:
    """The frames of a sequence that say most; None where no two can be compared."""
    chosen = choose(reader)
    found: list[tuple[int, Posed]] = []
    for at in chosen:
        posed = reader.depth(at)
        if posed is not None and (posed.depth > 0).any():
            found.append((at, posed))
    shapes = [posed.depth.shape for _, posed in found]
    same = [pair for pair in found if pair[1].depth.shape == shapes[0]]
    if len(same) < 2:
        return None
    every = max(1, round(shapes[0][1] / WIDTH))
    K = np.stack([posed.K for _, posed in same])
    K[:, :2] /= every
    depth = np.stack([posed.depth[::every, ::every] for _, posed in same])
    places, size = np.array([at for at, _ in same]), (shapes[0][1], shapes[0][0])
    film = Footage(
        reader=reader,
        places=places,
        K=K,
        every=every,
        size=size,
        depth=depth,
        samples=draw(depth),
    )
    return film if len(film.pairs) else None


def choose(reader: FrameReader) -> list[int]:
    """Places of frames: evenly over the sequence, with others that see the same."""
    count = len(reader)
    if count <= 3 * MOST:
        first = REACH if count > 3 * REACH else 0  # so that all have neighbours
        places = np.linspace(first, count - 1 - first, min(count, MOST)).round()
        places = np.unique(places)
        return [at for at in places.astype(int).tolist() if reader.pose(at) is not None]
    chosen: set[int] = set()
    last = count - 1 - REACH
    for base in np.linspace(REACH, last, BASES + 1)[:-1].astype(int).tolist():
        chosen |= _around(reader, base, last)
    return sorted(chosen)


def _around(reader: FrameReader, base: int, last: int) -> set[int]:
    """A place and two later ones, about one and two turns away."""
    first = reader.pose(base)
    if first is None:
        return set()
    found = {}
    for offset in OFFSETS:
        pose = reader.pose(base + offset) if base + offset <= last else None
        if pose is not None:
            cosine = (np.sum(first[:3, :3] * pose[:3, :3]) - 1) / 2
            found[base + offset] = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    if not found:
        return {base}
    wanted = (TURN_DEG, 2 * TURN_DEG)
    if max(found.values()) < TURN_DEG / 2:  # it moves without turning, or slowly
        return {base, max(found), sorted(found)[len(found) // 2]}
    return {base} | {min(found, key=lambda at: abs(found[at] - w)) for w in wanted}
