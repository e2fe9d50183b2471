"""Which frame continues a stream: one that is later, and that no camera jumps to."""

import logging
from typing import NamedTuple

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

FARTHEST = 5.0  # metres that a camera moves from one frame to the next


class Moment(NamedTuple):
    """When and where a frame was taken.

    Attributes:
        at: (3,) place of the camera, metres.
        time: Seconds; NaN where it is not known.
    """

    at: NDArray[np.float64]
    time: float


class Order:
    """What the next frame is compared with.

    A frame that does not continue the last one is refused. Where the next one continues
    that one, the tracking or the clock began anew, and the stream goes on there. So one
    wrong frame costs itself alone, and a new beginning one frame.
    """

    def __init__(self) -> None:
        self.last: Moment | None = None
        self.refused: Moment | None = None

    def check(self, name: str, now: Moment) -> None:
        """Refuse a frame that jumps or is no later than the last one.

        Raises:
            ValueError: Unless it continues the one that was refused right before.
        """
        if not (reason := broken(self.last, now)):
            return
        if self.refused is None or broken(self.refused, now):
            self.refused = now
            raise ValueError(f"frame {name} {reason}")
        text = f"frame {name} is used, as the second of its kind: it {reason}"
        print_log(text, "current", logging.WARNING)

    def go_on(self, now: Moment) -> None:
        """A frame was used."""
        self.last, self.refused = now, None

    @property
    def array(self) -> NDArray[np.float64]:
        """(2, 4) places and times of the last one and of the refused one, NaN none."""
        moments = [m or Moment(np.full(3, np.nan), np.nan) for m in self.moments]
        return np.array([[*moment.at, moment.time] for moment in moments])

    @property
    def moments(self) -> tuple[Moment | None, Moment | None]:
        """The last one and the refused one."""
        return self.last, self.refused

    @classmethod
    def of_array(cls, rows: NDArray[np.float64]) -> "Order":
        """What :attr:`array` was made of."""
        order = cls()
        order.last, order.refused = (
            None if np.isnan(row[0]) else Moment(row[:3], float(row[3])) for row in rows
        )
        return order


def broken(last: Moment | None, now: Moment) -> str:
    """Why a frame does not continue another one; empty where it does."""
    if last is None:
        return ""
    if now.time <= last.time:  # False where one is not known
        return (
            f"is of {now.time:.6f} s, and the last one was of {last.time:.6f} s: "
            "frames must come in order of time. If the clock began anew, the frames "
            "that follow are used"
        )
    if (far := np.linalg.norm(now.at - last.at)) > FARTHEST:
        return (
            f"jumps {far:.1f} m from the frame before, at most {FARTHEST:g} m is "
            "motion: the pose is of another tracking. If the camera stays there, the "
            "frames that follow are used"
        )
    return ""
