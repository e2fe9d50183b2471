"""Entries of a frame index as the preflight compares them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid
from vantage3d.recordings.preflight.footage import FrameReader, Posed
from vantage3d.views.frame import BadSampleError, Frame, check_frame
from vantage3d.views.index import Facts, IndexedFrame
from vantage3d.views.reading import read_indexed


class IndexedReader(FrameReader):
    """Entries of a frame index as they are compared.

    Attributes:
        root: Folder that their paths are relative to.
        facts: What holds for all of them.
        entries: The entries, in order of time.
        frames: Frames that were read, by their number.
    """

    def __init__(
        self,
        root: Path,
        facts: Facts,
        entries: Sequence[IndexedFrame],
        frames: Mapping[int, Frame] | None = None,
    ) -> None:
        self.root, self.facts, self.entries = root, facts, entries
        self.frames: dict[int, Frame | None] = {**(frames or {})}

    def __len__(self) -> int:
        return len(self.entries)

    def pose(self, at: int) -> NDArray[np.float64] | None:
        return invert_rigid(self.entries[at].world2cam)

    def frame(self, at: int) -> Frame | None:
        """A frame; None where it cannot be read, or its matrices are broken."""
        entry = self.entries[at]
        if entry.number not in self.frames:
            self.frames[entry.number] = None
            with suppress(BadSampleError):
                frame = read_indexed(self.root, self.facts, entry)
                check_frame(frame, str(entry.number))
                self.frames[entry.number] = frame
        return self.frames[entry.number]

    def depth(self, at: int) -> Posed | None:
        frame = self.frame(at)
        return None if frame is None else Posed(frame.depth, frame.K)

    def color(self, at: int, place: int) -> NDArray[np.uint8] | None:
        frame, other = self.frame(at), self.frame(place)
        if frame is None or other is None or frame.image.shape != other.image.shape:
            return None
        return frame.image
