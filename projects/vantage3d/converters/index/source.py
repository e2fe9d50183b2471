"""What an index converter reads: sequences of frames with cameras."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.index.indexed_reader import IndexedReader
from vantage3d.geometry import invert_rigid
from vantage3d.io.images import read_size
from vantage3d.io.matrices import refuse_shares
from vantage3d.recordings.findings import Finding
from vantage3d.recordings.preflight import Checked, check_reader
from vantage3d.recordings.preflight.remedies import Meaning
from vantage3d.views.index import Facts, IndexedFrame

DISTANCES = ("distance", "recording_rays")  # readers of distances along rays


class Unusable(NamedTuple):
    """A frame that cannot be indexed."""

    number: int
    reason: str


def usable(number: int, make: Callable[[], IndexedFrame]) -> IndexedFrame | Unusable:
    """The frame that ``make`` returns, or why there is none."""
    try:
        return make()
    except (FileNotFoundError, ValueError) as error:
        return Unusable(number, str(error))


class FrameSource(ABC):
    """Raw data of one layout. Instances travel to worker processes.

    Attributes:
        root: Folder that the paths of frames are relative to.
        reader: How depth is stored, a name in :mod:`vantage3d.views.reading`.
        depth_scale: Units of a depth map per metre.
        title: The layout, for people.
        poses: What matrices of its files are, cam2world or world2cam.
        remedies: Options of the command by which its owner says what files mean.
    """

    root: Path
    reader: str
    depth_scale: float = 1.0
    title: ClassVar[str] = "layout"
    poses: ClassVar[str] = "cam2world"
    remedies: ClassVar[tuple[str, ...]] = ()

    @property
    def options(self) -> dict[str, Any]:
        """What the index depends on: options, and hashes of small input files."""
        return {}

    def facts(self, root: str, sources: str) -> Facts:
        """What holds for all frames, with the place of the data and what it was."""
        return Facts(self.reader, root, self.depth_scale, sources)

    @abstractmethod
    def splits(self) -> dict[str, list[str]]:
        """Names of the sequences of every split; sequences of one file together."""

    @abstractmethod
    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        """Frames of a sequence in order of their numbers, otherwise unchecked.

        Raises:
            ValueError: If the sequence cannot be used at all.
            FileNotFoundError: If its files are missing.
        """

    def preflight(self, sequence: str) -> Checked:
        """What is wrong with a sequence, by what its views say of each other."""
        facts = self.facts("", "")
        entries = [f for f in self.frames(sequence) if not isinstance(f, Unusable)]
        if wrong := self._in_shares(sequence, entries):
            return Checked([wrong])
        reader = IndexedReader(self.root, facts, entries)
        return check_reader(reader, sequence, self.meaning(facts))

    def _in_shares(
        self, sequence: str, entries: Sequence[IndexedFrame]
    ) -> Finding | None:
        """Intrinsics in shares of the image, which would be taken for wrong poses."""
        for entry in entries:
            try:
                size = read_size(self.root / entry.image)
            except (FileNotFoundError, ValueError):
                continue  # told later, frame by frame
            try:
                refuse_shares(entry.K, size, f"of {sequence}")
            except ValueError as error:
                return Finding("error", str(error))
            return None
        return None

    def meaning(self, facts: Facts) -> Meaning:
        """What the files are taken to mean."""
        along, options = facts.reader in DISTANCES, self.remedies
        return Meaning(
            self.title,
            facts.depth_scale,
            self.poses,
            along_rays=along,
            options=options,
        )

    def names(self, sequence: str) -> list[str]:
        """Names of the frames of a sequence, in order; here their numbers."""
        return [str(frame.number) for frame in self.frames(sequence)]

    def entry(self, sequence: str, name: str) -> IndexedFrame:
        """One frame by its name: labelled samples are made of few.

        Raises:
            FileNotFoundError: If one of its files is missing.
            ValueError: If there is none of that name, or one is damaged.
        """
        found = {str(frame.number): frame for frame in self.frames(sequence)}
        if name not in found:
            raise ValueError(f"sequence {sequence} has no frame {name!r}")
        frame = found[name]
        if isinstance(frame, Unusable):
            raise ValueError(frame.reason)
        return frame

    def cam2world(self, sequence: str, name: str) -> NDArray[np.float64]:
        """(4, 4) pose of a frame; as its file has it where files hold this one."""
        return invert_rigid(self.entry(sequence, name).world2cam)

    def relative(self, path: Path) -> str:
        """A path as the index has it, relative to ``root``."""
        if path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        return Path(os.path.relpath(path, self.root)).as_posix()
