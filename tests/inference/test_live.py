"""Folders that grow while they are read, and recordings at their own pace."""

import shutil

import numpy as np
import pytest

from tests.inference.conftest import room
from vantage3d.inference import open_footage
from vantage3d.inference.live import Followed, Paced

__all__ = ["room"]
FOLDERS = ("color", "depth", "pose")


class Time:
    """A clock that goes on while one sleeps, and what happens meanwhile."""

    def __init__(self, *events):
        self.now, self.events = 0.0, list(events)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.events and seconds:
            self.events.pop(0)()


@pytest.fixture
def growing(room, tmp_path):
    """A copy of the room with its first frame, and a function that brings others."""
    names = open_footage(room).recording.names("scene0000_00")
    folder = tmp_path / "desk"
    for kind in FOLDERS:
        (folder / kind).mkdir(parents=True)
    shutil.copy(room / "intrinsic.txt", folder)

    def bring(place: int, kinds=FOLDERS, part: float = 1.0):
        for kind in kinds:
            (path,) = (room / kind).glob(f"{names[place]}.*")
            data = path.read_bytes()
            (folder / kind / path.name).write_bytes(data[: int(part * len(data))])

    bring(0)
    return folder, names, bring


def followed(folder, time: Time, **more) -> Followed:
    of = open_footage(folder)
    more = {"clock": time.clock, "sleep": time.sleep, "pause_s": 1, **more}
    return Followed(of.recording, of.sequence, patience_s=5, **more)


def nothing():
    """Happens."""


def test_frames_are_read_when_they_are_finished(growing, room):
    folder, names, bring = growing
    time = Time(
        nothing,
        lambda: bring(1, part=0.4),  # its image is half written
        lambda: bring(1, part=0.9),
        lambda: bring(1),
        nothing,
        lambda: bring(2, ["pose"]),
        lambda: bring(2, ["color"]),
        lambda: bring(2, ["depth"], part=0.5),
        lambda: bring(2, ["depth"]),
    )
    whole = {frame.name: frame for frame in open_footage(room)}
    came = []
    for frame in followed(folder, time):
        came.append((frame.name, time.now))
        np.testing.assert_array_equal(frame.depth, whole[frame.name].depth)
        np.testing.assert_array_equal(frame.color, whole[frame.name].color)
    assert came == [(names[0], 1), (names[1], 5), (names[2], 10)]
    assert time.now > 15  # the end is when nothing came for a while


def test_a_frame_that_stays_half_is_left_out_when_a_later_one_is_whole(growing):
    folder, names, bring = growing
    time = Time(lambda: bring(1, ["color", "pose"]), nothing, nothing, lambda: bring(2))
    came = [(frame.name, time.now) for frame in followed(folder, time)]
    assert came == [(names[0], 1), (names[2], 5)]


def test_a_folder_that_nobody_writes_is_told(growing):
    folder, _, _ = growing
    followed_one = followed(folder, Time())
    (folder / "color").rename(folder / "away")
    with pytest.raises(ValueError, match=r"no frame came to .*desk.* in 5 s"):
        next(iter(followed_one))


def paced(room, time: Time, fps: float | None) -> Paced:
    of = open_footage(room)
    return Paced(of.recording, of.sequence, fps=fps, clock=time.clock, sleep=time.sleep)


@pytest.mark.parametrize(
    ("work_s", "expected", "dropped"),
    [(0.1, [0, 1, 2], []), (0.5, [0, 1, 2], []), (1.2, [0, 2], [1]), (9, [0, 2], [1])],
)
def test_who_is_late_misses_frames(room, work_s, expected, dropped):
    """Frames at 0, 0.5 and 1 s."""
    time = Time()
    footage = paced(room, time, fps=2)
    names = footage.recording.names(footage.sequence)
    came = []
    for frame in footage:
        came.append(frame.name)
        assert time.now >= 0.5 * names.index(frame.name)
        time.now += work_s
    assert came == [names[place] for place in expected]
    assert footage.dropped == [names[place] for place in dropped]


def test_real_time_needs_time_stamps(room):
    with pytest.raises(ValueError, match=r"has no time stamp.*--realtime 30"):
        next(iter(paced(room, Time(), fps=None)))


def test_time_stamps_of_a_recording_are_its_pace(room, monkeypatch):
    time = Time()
    footage = paced(room, time, fps=None)
    listed, stamps = type(footage.recording).listed, iter([7.0, 9.5, 9.0])

    def stamped(self, sequence, name):
        return listed(self, sequence, name)._replace(timestamp=next(stamps))

    monkeypatch.setattr(type(footage.recording), "listed", stamped)
    assert footage._due() == [0, 2.5, 2.5]
