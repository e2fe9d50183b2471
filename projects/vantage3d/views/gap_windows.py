"""Which frames go together: every frame is an anchor once, with references around it.

The rule is that of the published evaluation: L frames, ``gap`` apart, symmetric about
the anchor where the scene has room for it, and shifted by whole steps at its ends.
"""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def window_positions(frames: int, length: int, gap: int) -> Rows:
    """Positions of the frames of every sample of a scene.

    Args:
        frames: Frames n of the scene.
        length: Frames L of a sample.
        gap: Steps between two neighbours of a sample.

    Returns:
        (n, L): anchor i in the first column, its references in ascending order behind
        it. (0, L) if n < gap * L: such a scene is too short.
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


def windows_of_numbers(numbers: Rows, length: int, gap: int) -> tuple[Rows, int]:
    """Samples of a scene whose frames have gaps in their numbers.

    Args:
        numbers: (F,) strictly increasing frame numbers of the frames that can be used.
        length: Frames of a sample.
        gap: Difference of the numbers of neighbours in a sample.

    Returns:
        (S, L) positions in ``numbers``, as :func:`window_positions` orders them, and
        the number of anchors that were left out because a reference is missing.

    Raises:
        ValueError: If frames are regularly spaced and ``gap`` is no multiple of that.
    """
    if len(numbers) < 2:
        return np.empty((0, length), np.int64), 0
    step = int(np.gcd.reduce(np.diff(numbers)))
    if gap % step:
        near = max(1, round(gap / step)) * step
        raise ValueError(
            f"`seq_gap` {gap} is no multiple of {step}, by which the numbers of the "
            f"frames differ ({numbers[0]}, {numbers[1]}, ...). Use {near}"
        )
    places = (numbers - numbers[0]) // step
    row_of = np.full(places[-1] + 1, -1)
    row_of[places] = np.arange(len(numbers))
    windows = row_of[window_positions(len(row_of), length, gap // step)]
    windows = windows[windows[:, 0] >= 0]
    whole = (windows >= 0).all(axis=1)
    return windows[whole], int((~whole).sum())
