"""Which frames of a sequence make a sample."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vantage3d.views.frame import BadSampleError


@dataclass(frozen=True)
class FrameSampling:
    """Frames around an anchor, which always comes first.

    Attributes:
        span: Largest distance from the anchor in list positions; None for the whole
            sequence.
        spread: With ``span`` None: that many times the number of frames, as in
            released VGGT (``expand_ratio``); None for no limit.
        repeat: A frame may come twice; needed where sequences are short.
        ordered: The other frames in the order of the sequence instead of drawn order.
    """

    span: int | None = None
    spread: float | None = None
    repeat: bool = False
    ordered: bool = False

    def draw(
        self, length: int, anchor: int, frames: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """(frames,) positions in a sequence, the anchor first.

        Args:
            length: Frames of the sequence.
            anchor: Position of the anchor.
            frames: How many to draw.
            rng: Source of randomness.

        Raises:
            BadSampleError: If there are fewer frames in reach than asked for.
        """
        reach = self.span
        if reach is None and self.spread is not None:
            reach = int(np.ceil(self.spread * frames))
        low = 0 if reach is None else max(0, anchor - reach)
        high = length if reach is None else min(length, anchor + reach + 1)
        if self.repeat:
            others = rng.integers(low, high, frames - 1)
        else:
            if high - low < frames:
                raise BadSampleError(
                    f"{frames} frames asked for, but only {high - low} are in reach of "
                    f"frame {anchor} in a sequence of {length}. Ask for fewer, allow "
                    "a larger `span`, or set `repeat=True`."
                )
            rest = np.delete(np.arange(low, high), anchor - low)
            others = rng.choice(rest, frames - 1, replace=False)
        others = np.sort(others) if self.ordered else others
        return np.concatenate([[anchor], others]).astype(np.int64)


def even_windows(
    lengths: dict[str, int], frames: int, stride: int
) -> list[tuple[str, NDArray[np.int64]]]:
    """Neighbouring frames for evaluation, the same ones every time.

    Args:
        lengths: Frames of each sequence.
        frames: Frames per window.
        stride: Positions from one window to the next.

    Returns:
        Sequence and (frames,) positions of every whole window.
    """
    return [
        (name, np.arange(start, start + frames))
        for name, length in lengths.items()
        for start in range(0, length - frames + 1, stride)
    ]
