"""A RealSense that is a stand-in, with the names of pyrealsense2 2.5."""

import sys
from itertools import islice
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from vantage3d.inference.realsense import RealSense

SIZE = (8, 6)


class Frame:
    def __init__(self, data, ms: float):
        self.get_data, self.get_timestamp = lambda: data, lambda: ms


class Camera:
    """What ``rs`` has: a camera that takes three pairs, the second 40 ms apart."""

    def __init__(self, plugged: bool = True):
        self.plugged, self.modes, self.stopped = plugged, [], False
        late = (0, 40, 5)
        self.pairs = [
            (
                Frame(np.full((6, 8, 3), n, np.uint8), 1000.0 * n + late[n]),
                Frame(np.full((6, 8), 1000 + n, np.uint16), 1000.0 * n),
            )
            for n in range(3)
        ]

    def module(self) -> ModuleType:
        module = ModuleType("pyrealsense2")
        module.stream = SimpleNamespace(depth="depth", color="color")
        module.format = SimpleNamespace(z16="z16", rgb8="rgb8")
        enable = SimpleNamespace(enable_stream=lambda *mode: self.modes.append(mode))
        module.config, module.pipeline = lambda: enable, lambda: self
        return module

    def start(self, config):
        if not self.plugged:
            raise RuntimeError("No device connected")
        sensor = SimpleNamespace(get_depth_scale=lambda: 0.001)
        device = SimpleNamespace(first_depth_sensor=lambda: sensor)
        return SimpleNamespace(get_device=lambda: device, get_stream=self.stream)

    def stream(self, kind):
        shift = {"depth": 0.0, "color": 1.0}[kind]
        lens = SimpleNamespace(fx=10 + shift, fy=11 + shift, ppx=3.5, ppy=2.5)
        turn = [0, 1, 0, -1, 0, 0, 0, 0, 1]  # column by column
        moved = SimpleNamespace(rotation=turn, translation=[0.015, 0, 0])
        profile = SimpleNamespace(
            get_intrinsics=lambda: lens, get_extrinsics_to=lambda other: moved
        )
        profile.as_video_stream_profile = lambda: profile
        return profile

    def wait_for_frames(self, patience_ms):
        if not self.pairs:
            raise RuntimeError("Frame didn't arrive within 5000")
        color, depth = self.pairs.pop(0)
        return SimpleNamespace(
            get_color_frame=lambda: color, get_depth_frame=lambda: depth
        )

    def stop(self):
        self.stopped = True


def test_frames_are_those_of_the_camera(monkeypatch):
    camera = Camera()
    monkeypatch.setitem(sys.modules, "pyrealsense2", camera.module())
    poses = {0.0: np.eye(4), 2.0: None}
    with RealSense(poses.__getitem__, SIZE, fps=15) as live:
        frames = list(islice(live, 2))
    assert camera.modes == [("depth", 8, 6, "z16", 15), ("color", 8, 6, "rgb8", 15)]
    assert camera.stopped and [one.name for one in frames] == ["000000", "000002"]
    first, last = frames
    assert (first.timestamp, last.timestamp) == (0, 2)
    np.testing.assert_allclose(last.depth, 1.002, rtol=1e-6)
    assert last.color.tolist() == np.full((6, 8, 3), 2).tolist()
    np.testing.assert_array_equal(first.K, [[11, 0, 3.5], [0, 12, 2.5], [0, 0, 1]])
    np.testing.assert_array_equal(first.K_depth[0], [10, 0, 3.5])
    expected = [[0, -1, 0, 0.015], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(first.depth2color, expected)
    assert first.cam2world is poses[0.0] and last.cam2world is None


def test_a_camera_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyrealsense2", Camera(plugged=False).module())
    with pytest.raises(ValueError, match=r"8x6 at 30 a second: No device connected"):
        RealSense(size=SIZE)
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    with pytest.raises(ImportError, match="pip install pyrealsense2"):
        RealSense()


def test_a_camera_that_is_unplugged_ends_with_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyrealsense2", Camera().module())
    with RealSense(size=SIZE) as live, pytest.raises(ValueError, match="for 5 s: Fr"):
        list(live)
