"""Frames of a recording as they are compared."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vantage3d.recordings.preflight.footage import (
    SHIFTS,
    FrameReader,
    Matrix,
    Posed,
)
from vantage3d.recordings.recording import RecordedFrame, Recording
from vantage3d.recordings.registration import register_color


class RecordingReader(FrameReader):
    """A sequence of a recording.

    Attributes:
        recording: The recording.
        sequence: Name of the sequence.
        names: Names of its frames.
        trouble: Why frames cannot be used, by their place.
    """

    def __init__(self, recording: Recording, sequence: str) -> None:
        self.recording, self.sequence = recording, sequence
        self.names = recording.names(sequence)
        self.trouble: dict[int, ValueError | FileNotFoundError] = {}
        self._frames: dict[int, RecordedFrame | None] = {}
        self.depth = lru_cache(None)(self._depth)  # type: ignore[method-assign]
        self._image = lru_cache(len(SHIFTS) + 1)(self._read_color)

    def __len__(self) -> int:
        return len(self.names)

    def frame(self, at: int) -> RecordedFrame | None:
        """A frame; None, with the reason in ``trouble``, where it cannot be used."""
        if at not in self._frames:
            try:
                frame = self.recording.frame(self.sequence, self.names[at])
            except (FileNotFoundError, ValueError) as error:
                self.trouble[at] = error
                frame = None
            self._frames[at] = frame
        return self._frames[at]

    def pose(self, at: int) -> Matrix | None:
        frame = self.frame(at)
        return None if frame is None else frame.cam2world

    def depth(self, at: int) -> Posed | None:
        raise NotImplementedError  # replaced by a function that keeps what it read

    def _depth(self, at: int) -> Posed | None:
        frame = self.frame(at)
        if frame is None or frame.depth is None or frame.depth_camera is None:
            return None
        try:
            return Posed(self.recording.read_depth(frame), frame.depth_camera.K)
        except (FileNotFoundError, ValueError) as error:
            self.trouble[at] = error
            return None

    def color(self, at: int, place: int) -> NDArray[np.uint8] | None:
        frame, posed = self.frame(at), self.depth(place)
        if frame is None or posed is None:
            return None
        try:
            color = self._image(at)
            cameras = (
                frame.own_color_intrinsics,
                posed.depth,
                posed.K,
                frame.depth2color,
            )
            return register_color(color, *cameras)[0]
        except (FileNotFoundError, ValueError) as error:
            self.trouble[at] = error
            return None

    def photo(self, at: int) -> tuple[NDArray[np.uint8], Matrix] | None:
        frame = self.frame(at)
        if frame is None or frame.color_camera is None:
            return None
        try:
            image = self._image(at)
        except (FileNotFoundError, ValueError) as error:
            self.trouble[at] = error
            return None
        size = image.shape[1], image.shape[0]
        return image, frame.color_camera.resized(size).K

    def _read_color(self, at: int) -> NDArray[np.uint8]:
        frame = self.frame(at)
        assert frame is not None
        return self.recording.read_color(frame)
