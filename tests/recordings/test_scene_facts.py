"""Rooms of known size, cameras of known direction."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vantage3d.recordings.scene_facts import (
    room_size,
    size_facts,
    up_facts,
    world_up,
)

K = np.array([[40.0, 0, 39.5], [0, 40, 29.5], [0, 0, 1]])


def test_the_size_of_a_wall_seen_from_two_places():
    """80 pixels at f = 40 see 2 m of a wall at 1 m; the second camera stands 3 m on."""
    depth = np.ones((60, 80), np.float32)
    depth[:10] = 0
    moved = np.eye(4)
    moved[0, 3] = 3.0
    size = room_size([depth, depth], [K, K], [np.eye(4), moved])
    assert size == pytest.approx([5.0, 1.25, 0.0], abs=0.2)


@pytest.mark.parametrize(
    ("size", "level", "text"),
    [
        ((5.9, 3.0, 2.4), "info", "the views span 5.9 x 3.0 x 2.4 m"),
        ((11.8, 6.0, 5.1), "warning", "a room of 11.8 m: is the depth scale 5000?"),
        ((0.4, 0.3, 0.2), "warning", "a room of 0.4 m: is the depth scale 100?"),
        ((4000.0, 9.0, 3.0), "warning", "are more than a room: are lengths in metres?"),
    ],
)
def test_sizes_in_plain_words(size, level, text):
    (found,) = size_facts(np.array(size), 1000.0)
    assert found.level == level and text in found.text


def cameras(up):
    """Sixteen level cameras that look around an axis of the world."""
    around = Rotation.from_euler("z", 22.5 * np.arange(16)[:, None], degrees=True)
    level = Rotation.from_matrix(np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]))
    to_up, _ = Rotation.align_vectors([up], [[0, 0, 1]])
    poses = np.tile(np.eye(4), (16, 1, 1))
    poses[:, :3, :3] = (to_up * around * level).as_matrix()
    return poses


@pytest.mark.parametrize(
    ("up", "text"),
    [
        ((0, 0, 1), "+z of the world is up, 0 degrees"),
        ((0, -1, 0), "-y of the world is up, 0 degrees"),
        ((0.2, 0, 1), "+z of the world is up, 11 degrees"),
        ((0, 1, 1), "no axis of the world is up: the cameras' mean is 45 degrees off"),
    ],
)
def test_the_axis_that_is_up(up, text):
    (found,) = up_facts(cameras(np.array(up, float)))
    assert found.level == "info" and found.text.startswith(text)


def test_cameras_in_all_directions_have_no_up():
    poses = np.tile(np.eye(4), (200, 1, 1))
    poses[:, :3, :3] = Rotation.random(200, random_state=0).as_matrix()
    assert "turned in all directions" in up_facts(poses)[0].text


@pytest.mark.parametrize("tilt_deg", [0, 40])
@pytest.mark.parametrize(
    ("axes", "up"),
    [
        ([[1, 0, 0], [0, 0, 1], [0, -1, 0]], (0, 0, 1)),  # z up, as ScanNet
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], (0, -1, 0)),  # the first camera is level
        ([[1, 0, 0], [0, -1, 0], [0, 0, -1]], (0, 1, 0)),  # y up
    ],
)
def test_up_by_cameras_that_look_down(axes, up, tilt_deg):
    """Cameras that look around and down, in worlds of several conventions."""
    turns = Rotation.from_euler("YX", [(a, -tilt_deg) for a in range(0, 360, 45)], True)
    poses = np.tile(np.eye(4), (8, 1, 1))
    poses[:, :3, :3] = np.array(axes) @ turns.as_matrix()
    assert tuple(world_up(poses)) == up
