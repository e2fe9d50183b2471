"""Which frames show an anchor's places from elsewhere, however unevenly a camera moves.

Frames of a person who stops, turns or walks cannot be taken every so many: what counts
is how much of the anchor another frame sees, and from how different a direction.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid, project, unproject_pixels
from vantage3d.inference import InputFrame

ANGLE = 0.1  # radians between two rays to a place from which on more is no better
LEAST = 0.02  # usefulness below which a view says nothing
STEP = 0.2  # usefulness of its neighbour that makes a frame a keyframe
OVERLAP = 0.7  # or so little of it seen
KEPT = 16  # keyframes
COLUMNS, ROWS = 8, 6


class Overlap(NamedTuple):
    """What other frames see of the places that an anchor may show.

    Attributes:
        seen: (F,) share of the places inside their images.
        useful: (F,) the same, each place weighted by the angle between the two rays to
            it, by :data:`ANGLE`, at most 1.
    """

    seen: NDArray[np.float64]
    useful: NDArray[np.float64]


def overlap(
    anchor: InputFrame, others: Sequence[InputFrame], depths: Sequence[float]
) -> Overlap:
    """What ``others`` see of an anchor's view frustum.

    Args:
        anchor: With ``K`` and the pose of its colour camera, as all of them.
        others: F frames.
        depths: Of the places that are looked at on each ray of a grid, metres.
    """
    height, width = anchor.color.shape[:2]
    xs, ys = ((np.arange(n) + 0.5) / n for n in (COLUMNS, ROWS))
    grid = np.stack(np.meshgrid(xs * width - 0.5, ys * height - 0.5), -1).reshape(-1, 2)
    pixels = np.tile(grid, (len(depths), 1))
    depth = np.repeat(np.asarray(depths, np.float64), len(grid))
    K, cam2world = _camera(anchor)
    places = unproject_pixels(pixels, depth, K, cam2world)
    own = _directions(places, cam2world)
    seen, useful = np.zeros(len(others)), np.zeros(len(others))
    for number, other in enumerate(others):
        K, cam2world = _camera(other)
        found, z = project(places, K, invert_rigid(cam2world))
        limit = np.array(other.color.shape[1::-1]) - 0.5
        inside = (z > 0) & ((found >= -0.5) & (found < limit)).all(-1)
        away = np.cross(own, _directions(places, cam2world))
        angle = np.arcsin(np.linalg.norm(away, axis=-1).clip(max=1))
        seen[number] = inside.mean()
        useful[number] = (inside * (angle / ANGLE).clip(max=1)).mean()
    return Overlap(seen, useful)


def _camera(frame: InputFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    assert frame.K is not None and frame.cam2world is not None
    return frame.K, frame.cam2world


def _directions(
    places: NDArray[np.float64], cam2world: NDArray[np.float64]
) -> NDArray[np.float64]:
    away = places - cam2world[:3, 3]
    return away / np.linalg.norm(away, axis=-1, keepdims=True)


class Choice(NamedTuple):
    """Views of an anchor, the most useful first, and their :attr:`Overlap.useful`."""

    views: list[InputFrame]
    useful: list[float]


class Keyframes:
    """The latest frames that were not taken from the same place.

    Args:
        depths: As in :func:`overlap`.
    """

    def __init__(self, depths: Sequence[float]) -> None:
        self.depths = depths
        self.frames: deque[InputFrame] = deque(maxlen=KEPT)

    def add(self, frame: InputFrame) -> None:
        """Keep a frame if it saw something new, or from elsewhere."""
        if self.frames:
            near = overlap(frame, [self.frames[-1]], self.depths)
            if near.useful[0] < STEP and near.seen[0] > OVERLAP:
                return
        self.frames.append(frame)

    def choose(
        self, anchor: InputFrame, count: int, others: Iterable[InputFrame]
    ) -> Choice:
        """At most ``count`` views of an anchor, at least one where there is any.

        Args:
            anchor: The frame.
            count: Most views beside it.
            others: Frames that are taken where no keyframe is useful.
        """
        some = [frame for frame in self.frames if frame is not anchor]
        useful = overlap(anchor, some, self.depths).useful
        if not (useful >= LEAST).any():
            known = [anchor, *some]
            some += [one for one in others if all(one is not two for two in known)]
            useful = overlap(anchor, some, self.depths).useful
        best = np.argsort(-useful, kind="stable")[:count].tolist()
        kept = [i for i in best if useful[i] >= LEAST] or best[:1]
        return Choice([some[i] for i in kept], [float(useful[i]) for i in kept])
