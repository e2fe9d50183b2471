"""Flush rooms: one plane and one mean colour, but other instances and textures."""

import json

import numpy as np
import pytest

from vantage3d.geometry import invert_rigid, unproject
from vantage3d.synthetic import (
    make_flush_room,
    make_trajectory,
    render,
    sensor_intrinsics,
    write_dataset,
)
from vantage3d.synthetic.rooms.flush import (
    FLUSH,
    TEXTURES,
    panels,
    texture_ids,
    textured,
)

SIZE = (320, 240)
MILLIMETRE = 1e-3


@pytest.fixture(scope="module")
def view():
    """A room, the points of one view, and what each pixel is."""
    room = make_flush_room(3)
    K, pose = sensor_intrinsics(SIZE), make_trajectory(room, 3, [0])[0]
    frame = render(room, K, invert_rigid(pose), SIZE)
    return room, frame, unproject(frame.depth, K, pose)


def plane_distance(points):
    """Largest distance of (N, 3) points from their best plane."""
    centred = points - points.mean(axis=0)
    normal = np.linalg.svd(centred, full_matrices=False)[2][2]
    return np.abs(centred @ normal).max()


def flat_borders(frame, points):
    """Pixels of both sides of every border between instances on one plane."""
    ids, depth = frame.instance, frame.depth
    found = []
    for row in range(4, SIZE[1] - 4, 3):
        for column in range(4, SIZE[0] - 4):
            pair = ids[row, column], ids[row, column + 1]
            window = np.s_[row - 1 : row + 2, column - 2 : column + 4]
            jump = np.ptp(depth[window]) / depth[row, column]
            flat = jump < 0.05 and plane_distance(points[window].reshape(-1, 3)) < (
                MILLIMETRE
            )
            if pair[0] != pair[1] and flat:
                found.append(pair)
    return found


def test_neighbouring_panels_are_coplanar_to_a_millimetre_and_differ_in_texture(view):
    room, frame, points = view
    names = [category.name for category in room.categories]
    kinds = texture_ids(room)
    pairs = set(flat_borders(frame, points))
    flush = [p for p in pairs if all(names[i - 1] in FLUSH for i in p)]
    assert len(flush) >= 5
    assert all(kinds[a] != kinds[b] for a, b in flush)


def test_fronts_of_a_block_end_in_one_plane_and_do_not_overlap():
    pieces = panels(np.random.default_rng(0), "cabinet", (1.0, 0.2), 1.8, 0.5)
    assert {piece.name for piece in pieces} == {"cabinet", "picture"}
    assert {round(piece.bounds[1][1], 12) for piece in pieces} == {0.2}
    parts = [part for piece in pieces for part in piece.parts]
    volume = sum(np.prod(2 * part.half) for part in parts)
    assert volume == pytest.approx(2.0 * 0.4 * 1.8)
    for first in parts:
        for second in parts:
            gap = np.abs(first.center - second.center) - first.half - second.half
            assert first is second or gap.max() > -1e-9


@pytest.mark.parametrize("pattern", TEXTURES)
def test_textures_have_one_mean_colour(pattern):
    color = (0.5, 0.6, 0.4)
    steps = (np.arange(800) + 0.5) * 0.0025
    uv = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    colors = textured(pattern, color, 7).shade(uv)
    assert colors.mean(axis=0) == pytest.approx(color, abs=0.01)
    if pattern in ("stripes", "rows", "checker", "dots"):
        voxels = colors.reshape(40, 20, 40, 20, 3).mean(axis=(1, 3))
        assert np.abs(voxels - color).max() < 0.012
    assert pattern == "plain" or colors.std(axis=0).min() > 0.04


def test_same_seed_same_room_and_other_seeds_differ():
    first, again, other = (make_flush_room(seed) for seed in (5, 5, 6))
    assert np.array_equal(first.boxes, again.boxes)
    assert first.boxes.shape != other.boxes.shape or not np.allclose(
        first.boxes, other.boxes
    )


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match="`seed` must not be negative, got -1"):
        make_flush_room(-1)
    with pytest.raises(ValueError, match=r"`theme` must be .*flush.*'attic'"):
        write_dataset("scannet", tmp_path, 1, 0, [0], theme="attic")


def test_the_theme_is_part_of_the_manifest_and_home_is_as_before(tmp_path):
    for theme in ("home", "flush"):
        root = tmp_path / theme
        write_dataset("scannet", root, 1, 0, [0], (32, 24), theme=theme)
    home, flush = (
        json.loads((tmp_path / theme / "synthetic.json").read_text())
        for theme in ("home", "flush")
    )
    assert flush == {**home, "theme": "flush"}
    with pytest.raises(FileExistsError, match="made with other arguments"):
        write_dataset("scannet", tmp_path / "flush", 1, 0, [0], (32, 24))
