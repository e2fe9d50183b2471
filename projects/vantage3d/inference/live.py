"""Frames as time brings them: of a folder that grows, and at the pace of a recording.

Both are :class:`Footage`, so that whatever goes through a recording goes through them.
"""

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from vantage3d.inference.frames import Footage, InputFrame, leave_out
from vantage3d.recordings.recording import Recording

UNREADABLE = (FileNotFoundError, ValueError)


@dataclass(frozen=True)
class Followed(Footage):
    """A sequence that another program is writing.

    A frame is read when two looks, ``pause_s`` apart, find the same files of the same
    size and age and the same pose: nothing half written is. Frames come in order of
    their names. One that cannot be read holds up those behind it until one of them is
    finished; then it is told and left out.

    Attributes:
        patience_s: How long without a new frame is the end.
        pause_s: Between two looks.
        clock: Seconds, monotonic.
        sleep: Waits for seconds.
    """

    patience_s: float = 10.0
    pause_s: float = 0.5
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __len__(self) -> int:
        return len(_names(self._now(), self.sequence))

    def __iter__(self) -> Iterator[InputFrame]:
        """Frames as they are finished, until none comes for ``patience_s``.

        Raises:
            ValueError: If none came at all.
        """
        taken: set[str] = set()
        before: dict[str, Any] = {}
        last = self.clock()
        while self.clock() - last <= self.patience_s:
            recording = self._now()
            names = _names(recording, self.sequence)
            footage = Footage(recording, self.sequence, self.depths)
            looks = {n: _look(footage, n) for n in names if n not in taken}
            finished = [n for n, look in looks.items() if look == before.get(n)]
            whole = [n for n in finished if not isinstance(looks[n], str)]
            for name in looks:
                if name not in finished or (name not in whole and not whole):
                    break
                taken.add(name)
                try:
                    if "up" not in vars(self):  # said by the first frames, once
                        vars(self)["up"] = footage.up
                    vars(footage)["up"] = self.up
                    yield footage.at(names.index(name))
                    last = self.clock()
                except UNREADABLE as error:
                    leave_out(name, error)
                whole = [n for n in whole if n != name]
            before = looks
            self.sleep(self.pause_s)
        if not taken:
            raise ValueError(
                f"no frame came to {self.recording.root}, {self.sequence}, in "
                f"{self.patience_s:g} s. Start the program that writes them first"
            )

    def _now(self) -> Recording:
        """The recording as it is on disk now."""
        return replace(self.recording, seen={})


def _names(recording: Recording, sequence: str) -> list[str]:
    """Names of frames; none while a list of them is being written."""
    try:
        return recording.names(sequence)
    except UNREADABLE:
        return []


def _look(footage: Footage, name: str) -> Any:
    """What a frame is on disk, to be compared; a text if it cannot be read."""
    try:
        frame = footage.recording.frame(footage.sequence, name)
        files = [path for path in (frame.color, frame.depth) if path is not None]
        stats = [path.stat() for path in files]
    except (*UNREADABLE, OSError) as error:
        return str(error)
    pose = None if frame.cam2world is None else frame.cam2world.tobytes()
    return pose, frame.timestamp, [(s.st_size, s.st_mtime_ns) for s in stats]


@dataclass(frozen=True)
class Paced(Footage):
    """A recording as its camera would bring it: who is late misses frames.

    Attributes:
        fps: Frames a second, instead of the time stamps of the recording.
        clock: Seconds, monotonic.
        sleep: Waits for seconds.
        dropped: Names of the frames that were missed, of the last time through.
    """

    fps: float | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    dropped: list[str] = field(default_factory=list, compare=False)

    @property
    def made_of(self) -> dict[str, Any]:
        return {**super().made_of, "realtime": self.fps or "time stamps"}

    def __iter__(self) -> Iterator[InputFrame]:
        """The newest frame whose time has come, or the next one when it comes.

        Raises:
            ValueError: If the recording has no time stamps, and no ``fps`` is given.
        """
        names, due = self.recording.names(self.sequence), self._due()
        self.dropped.clear()
        begin, place = self.clock(), 0
        while place < len(names):
            now = self.clock() - begin
            newest = bisect_right(due, now) - 1
            if newest > place:
                self.dropped.extend(names[place:newest])
                place = newest
            self.sleep(max(0.0, due[place] - now))
            try:
                yield self.at(place)
            except UNREADABLE as error:
                leave_out(names[place], error)
            place += 1

    def _due(self) -> list[float]:
        """Seconds after the first one at which each frame is there, never falling."""
        names = self.recording.names(self.sequence)
        if self.fps is not None:
            return [place / self.fps for place in range(len(names))]
        due: list[float] = []
        first = None
        for name in names:
            try:
                stamp = self.recording.frame(self.sequence, name).timestamp
            except UNREADABLE:  # told when it is read
                stamp = None if first is None else first + due[-1]
            else:
                if stamp is None:
                    raise ValueError(
                        f"frame {name} of {self.recording.root} has no time stamp, and "
                        "real time needs one of every frame. Give frames a second: "
                        "--realtime 30"
                    )
            first = stamp if first is None else first
            since = 0.0 if stamp is None or first is None else stamp - first
            due.append(max(since, due[-1] if due else 0.0))
        return due
