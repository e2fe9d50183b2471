"""Frames by number, in any order, of whatever a caller gives."""

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from vantage3d.inference.frames import Footage, InputFrame

Check = Callable[[InputFrame], InputFrame]


class FrameBank:
    """The usable frames of a recording, decoded again when asked for; or of a list.

    All frames are looked at once, for their identity and their poses. Those of a
    recording are not held; others, of a caller, are.

    Args:
        frames: A recording's footage, or frames.
        check: What every frame has to pass.

    Attributes:
        digest: SHA-256 of all frames.
        names: Of the frames.
        cam2world: (N, 4, 4) known poses of the colour cameras; NaN where unknown.
        with_depth: (N,) bool, whether a frame has depth.
    """

    def __init__(self, frames: Iterable[InputFrame], check: Check) -> None:
        self.footage = frames if isinstance(frames, Footage) else None
        self.held: list[InputFrame] = []
        self.places: list[int] = []
        self.names: list[str] = []
        digest, poses, depths = hashlib.sha256(), [], []
        places = {}
        if self.footage is not None:
            names = self.footage.recording.names(self.footage.sequence)
            places = {name: place for place, name in enumerate(names)}
        for frame in frames:
            check(frame)
            if self.footage is None:
                self.held.append(frame)
            else:
                self.places.append(places[frame.name])
            self.names.append(frame.name)
            digest.update(frame.digest.encode())
            pose = frame.color2world
            poses.append(np.full((4, 4), np.nan) if pose is None else pose)
            depths.append(frame.depth is not None)
            del frame
        self.digest = digest.hexdigest()
        self.cam2world = np.array(poses, np.float64).reshape(-1, 4, 4)
        self.with_depth: NDArray[np.bool_] = np.array(depths, bool)

    def __len__(self) -> int:
        return len(self.with_depth)

    def __getitem__(self, number: int) -> InputFrame:
        if self.footage is None:
            return self.held[number]
        return self.footage.at(self.places[number])
