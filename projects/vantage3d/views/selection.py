"""Which frames of a sequence make a sample: counted in frames and metres, not places.

A list of frames has holes: frames without a pose, segments that belong to another
split. Sequences are therefore cut into pieces where the camera cannot have been filmed
without a break, and everything below happens inside one piece.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_positive
from vantage3d.views.frame import BadSampleError

Rows = NDArray[np.int64]
USUAL = 0.02  # share of the steps, and at least two, that may be jumps


@dataclass(frozen=True)
class Cut:
    """Where a sequence falls into pieces.

    Attributes:
        hole: Frames, in usual steps of the sequence's numbers, that may be missing
            between two neighbours; None never cuts for that.
        jump: How many times farther a camera may move per usual step than in the
            fastest steps that are no exception (all but 2 %, and all but two); None
            never cuts for that. A slow camera's jitter is far below, so video rate
            needs no other number.

    Raises:
        ValueError: If a number is not positive.
    """

    hole: int | None = 10
    jump: float | None = 5.0

    def __post_init__(self) -> None:
        for name in ("hole", "jump"):
            if getattr(self, name) is not None:
                check_positive(f"cut.{name}", getattr(self, name))

    def places(
        self, numbers: Rows, centers: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Positions at which a new piece begins, for a hole and for a jump.

        Args:
            numbers: (F,) strictly increasing frame numbers.
            centers: (F, 3) camera centres in the unit of the data.
        """
        steps = np.diff(numbers) / usual_step(numbers)
        holes = np.zeros(len(steps), bool) if self.hole is None else steps > self.hole
        speed = np.linalg.norm(np.diff(centers, axis=0), axis=1) / np.maximum(steps, 1)
        exceptions = max(2, int(USUAL * len(speed)))
        jumps = np.zeros(len(steps), bool)
        if self.jump is not None and len(speed) > exceptions:
            fastest = np.sort(speed)[-1 - exceptions]
            jumps = (speed > self.jump * fastest) & (fastest > 0) & ~holes
        return np.flatnonzero(holes) + 1, np.flatnonzero(jumps) + 1


def usual_step(numbers: Rows) -> int:
    """The median difference of neighbouring frame numbers, at least 1."""
    return max(1, int(np.median(np.diff(numbers)))) if len(numbers) > 1 else 1


@dataclass(frozen=True)
class FrameSampling:
    """Frames around an anchor.

    Attributes:
        span: Largest distance from the anchor in frames, that is in usual steps of the
            sequence's numbers; None for the whole piece.
        spread: With ``span`` None: that many times the number of frames, as in
            released VGGT (``expand_ratio``); None for no limit.
        in_time: Whether they come in the order of time, as a camera delivers them, and
            the anchor is any of them. Else it is first, and others are in any order.
    """

    span: int | None = None
    spread: float | None = None
    in_time: bool = False

    def bounds(
        self, numbers: Rows, anchors: Rows, frames: int, step: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """First position in reach of each anchor, and the one behind the last.

        Args:
            numbers: (F,) strictly increasing frame numbers of a piece.
            anchors: (A,) positions in it.
            frames: Frames of a sample.
            step: Usual difference of neighbouring numbers.
        """
        reach = self.span
        if reach is None and self.spread is not None:
            reach = int(np.ceil(self.spread * frames))
        if reach is None:
            return np.zeros_like(anchors), np.full_like(anchors, len(numbers))
        here = numbers[anchors]
        low = np.searchsorted(numbers, here - reach * step)
        return low, np.searchsorted(numbers, here + reach * step, "right")

    def draw(
        self,
        numbers: Rows,
        anchor: int,
        frames: int,
        rng: np.random.Generator,
        step: int = 1,
    ) -> Rows:
        """(frames,) positions in a piece, none of them twice.

        Args:
            numbers: (F,) strictly increasing frame numbers of the piece.
            anchor: Position of the anchor.
            frames: How many to draw.
            rng: Source of randomness.
            step: Usual difference of neighbouring numbers.

        Raises:
            BadSampleError: If there are fewer frames in reach than asked for.
        """
        (low,), (high,) = self.bounds(numbers, np.array([anchor]), frames, step)
        if high - low < frames:
            raise BadSampleError(
                f"{frames} frames asked for, but only {high - low} are in reach of "
                f"frame {numbers[anchor]} in a piece of {len(numbers)}. Ask for fewer, "
                "or allow a larger `span`"
            )
        rest = np.delete(np.arange(low, high), anchor - low)
        others = rng.choice(rest, frames - 1, replace=False)
        drawn = np.concatenate([[anchor], others]).astype(np.int64)
        return np.sort(drawn) if self.in_time else drawn


def neighbours(length: int, frames: int, stride: int) -> Rows:
    """(W, frames) positions of windows of neighbouring frames, whole ones only.

    Args:
        length: Frames of the piece.
        frames: Frames per window.
        stride: Positions from one window to the next.
    """
    starts = np.arange(0, length - frames + 1, stride)
    return starts[:, None] + np.arange(frames)


def spaced(frames: int, length: int, gap: int) -> Rows:
    """Every frame as an anchor once, with references ``gap`` apart around it.

    The rule is that of the published evaluation of DELTAS: symmetric about the anchor
    where the piece has room for it, and shifted by whole steps at its ends.

    Args:
        frames: Frames n of the piece.
        length: Frames L of a sample.
        gap: Steps between two neighbours of a sample.

    Returns:
        (n, L): anchor i in the first column, its references in ascending order behind
        it. (0, L) if n < gap * L: such a piece is too short.
    """
    if frames < gap * length:
        return np.empty((0, length), np.int64)
    anchors = np.arange(frames)
    room_after = (frames - 1 - anchors) // gap
    before = np.minimum(length // 2, anchors // gap)
    before = length - 1 - np.minimum(length - 1 - before, room_after)
    steps = np.arange(length - 1)[None, :] - before[:, None]
    steps += steps >= 0  # the anchor is not its own reference
    return np.column_stack([anchors, anchors[:, None] + gap * steps])


def spaced_by_number(numbers: Rows, length: int, gap: int) -> tuple[Rows, int]:
    """:func:`spaced` for a piece in which some numbers are missing.

    Args:
        numbers: (F,) strictly increasing frame numbers of the frames that can be used.
        length: Frames of a sample.
        gap: Difference of the numbers of neighbours in a sample.

    Returns:
        (S, L) positions in ``numbers``, and the number of anchors that were left out
        because a reference is missing.

    Raises:
        ValueError: If frames are regularly spaced and ``gap`` is no multiple of that.
    """
    if len(numbers) < 2:
        return np.empty((0, length), np.int64), 0
    step = int(np.gcd.reduce(np.diff(numbers)))
    if gap % step:
        near = max(1, round(gap / step)) * step
        raise ValueError(
            f"`gap` {gap} is no multiple of {step}, by which the numbers of the "
            f"frames differ ({numbers[0]}, {numbers[1]}, ...). Use {near}"
        )
    places = (numbers - numbers[0]) // step
    row_of = np.full(places[-1] + 1, -1)
    row_of[places] = np.arange(len(numbers))
    windows = row_of[spaced(len(row_of), length, gap // step)]
    windows = windows[windows[:, 0] >= 0]
    whole = (windows >= 0).all(axis=1)
    return windows[whole], int((~whole).sum())
