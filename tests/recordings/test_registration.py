"""Colour on the grid of depth, by a scene whose colour is a function of its points."""

import numpy as np
import pytest

from vantage3d.recordings.registration import (
    color_pixels,
    register_color,
    register_labels,
)

K = np.array([[100.0, 0, 39.5], [0, 100, 29.5], [0, 0, 1]])
K_COLOR = np.array([[150.0, 0, 44], [0, 150, 26], [0, 0, 1]])
SIZE = 80, 60
MOVED = np.eye(4)
MOVED[:3, 3] = [0.05, -0.02, 0.01]  # the depth camera's origin, seen by colour


def plane(distance=2.0):
    return np.full((60, 80), distance, np.float32)


def ramp_seen_by(K, moved, distance=2.0, slope=60.0):
    """Image of a wall whose brightness grows with x and y of the depth camera."""
    y, x = np.mgrid[:60, :80].astype(np.float64)
    z = distance + moved[2, 3]
    X = (x - K[0, 2]) / K[0, 0] * z - moved[0, 3]
    Y = (y - K[1, 2]) / K[1, 1] * z - moved[1, 3]
    return np.stack([128 + slope * X, 128 + slope * Y, 0 * X], -1).round().astype("u1")


@pytest.mark.parametrize("moved", [None, MOVED])
def test_each_point_gets_the_colour_that_it_has(moved):
    there = np.eye(4) if moved is None else moved
    color = ramp_seen_by(K_COLOR, there)
    registered, depth = register_color(color, K_COLOR, plane(), K, moved)
    expected = ramp_seen_by(K, np.eye(4)).astype(int)
    seen = depth > 0
    assert 0.2 < seen.mean() < 0.9  # the colour camera sees less
    assert np.abs(registered.astype(int) - expected)[seen].max() <= 1


def test_what_stands_in_front_hides_what_is_behind():
    """A pole at 1 m hides a stripe of the wall from a camera that stands aside."""
    depth, aside = plane(), np.eye(4)
    aside[0, 3] = -0.2
    depth[:, 36:44] = 1.0
    _, seen = color_pixels(depth, K, K, SIZE, aside)
    # Pole at x -20, wall at x -10: the pole covers what was at 26 .. 34 of the wall.
    assert seen[30, 38] and not seen[30, 28:33].any() and seen[30, 50]


def test_a_camera_of_finer_pixels_does_not_look_through_what_hides():
    """Four pixels of colour per pixel of depth: the pole's have gaps between them."""
    depth, aside = plane(), np.eye(4)
    aside[0, 3] = -0.2
    depth[:, 36:44] = 1.0
    tele = np.array([[400.0, 0, 159.5], [0, 400, 119.5], [0, 0, 1]])
    _, seen = color_pixels(depth, K, tele, (320, 240), aside)
    assert seen[30, 38] and not seen[:, 28:33].any() and seen[30, 50]


def test_a_hole_has_the_colours_around_it():
    depth = plane()
    depth[20:30, 30:50] = 0
    color = ramp_seen_by(K_COLOR, MOVED)
    registered, kept = register_color(color, K_COLOR, depth, K, MOVED)
    expected = ramp_seen_by(K, np.eye(4)).astype(int)
    assert not kept[20:30, 30:50].any()
    hole = registered[20:30, 30:50].astype(int) - expected[20:30, 30:50]
    assert np.abs(hole).max() <= 1


def test_a_camera_that_sees_nothing_is_no_camera_of_this_depth():
    moved = MOVED.copy()
    moved[:3, 3] *= 1000  # millimetres
    color = ramp_seen_by(K_COLOR, MOVED)
    message = r"none of 4800 pixels with depth: .*, the cameras 54\.8 m apart\. Check"
    with pytest.raises(ValueError, match=message):
        register_color(color, K_COLOR, plane(), K, moved)


@pytest.mark.parametrize("times", [1, 2])
def test_labels_lie_where_the_colour_camera_sees_them(times):
    """Stripes by the metre, seen by the colour camera, at its size and at twice it."""
    stripes = ramp_seen_by(K_COLOR, MOVED, slope=20.0)[..., 0] // 8
    labels = stripes.repeat(times, 0).repeat(times, 1).astype(int)
    _, depth = register_color(np.zeros((60, 80, 3), "u1"), K_COLOR, plane(), K, MOVED)
    found = register_labels(labels, K_COLOR, SIZE, depth, K, MOVED)
    expected = ramp_seen_by(K, np.eye(4), slope=20.0)[..., 0] // 8
    assert ((found == -1) == (depth == 0)).all()
    assert (found == expected)[depth > 0].mean() > 0.95  # all but borders


def test_one_camera_is_left_alone():
    color = ramp_seen_by(K, np.eye(4))
    registered, depth = register_color(color, None, plane(), K)
    assert registered is color and (depth == 2).all()


def test_another_view_is_refused():
    color = np.zeros((80, 80, 3), np.uint8)
    with pytest.raises(ValueError, match="80x80 and the depth map 80x60: they do not"):
        register_color(color, None, plane(), K)
