import re
from dataclasses import replace

import numpy as np
import pytest

from vantage3d.synthetic import make_room, make_trajectory
from vantage3d.synthetic.render.scene import CATEGORIES
from vantage3d.synthetic.rooms.furniture import HANGING, ON_TOP, STANDING
from vantage3d.synthetic.rooms.furniture.piece import box
from vantage3d.synthetic.rooms.room import STYLES

SEEDS = range(12)
KINDS = sorted({**STANDING, **HANGING})


def surface_points(solid, spacing=0.05):
    grids = [grid.reshape(-1, 3) for grid in solid.grids(spacing)]
    return np.concatenate(grids) @ solid.rotation.T + solid.center


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_stand_on_the_floor_and_have_a_category(kind):
    builder = {**STANDING, **HANGING}[kind]
    for seed in range(5):
        piece = builder(np.random.default_rng(seed))
        assert piece.name in CATEGORIES
        points = np.concatenate([surface_points(part) for part in piece.parts])
        assert points[:, 2].min() == pytest.approx(0, abs=0.031)
        assert (np.abs(points) <= [*piece.size[:2] / 2 + 1e-9, 9]).all()
        if kind in HANGING:
            assert points[:, 1].min() >= -1e-9
        if piece.top is not None:
            low, high = np.array(piece.top.low), np.array(piece.top.high)
            assert (low < high).all()
            assert (np.maximum(-low, high) <= piece.size[:2] / 2).all()


def test_small_things_stand_on_zero():
    for builders in ON_TOP.values():
        for builder in builders:
            piece = builder(np.random.default_rng(1))
            assert piece.bounds[0][2] == pytest.approx(0, abs=1e-9)
            assert piece.name in CATEGORIES


def test_styles_name_known_pieces():
    for style in STYLES.values():
        standing = {name for anchor in style.anchors for name in anchor[:2] if name}
        assert standing | set(style.free) <= set(STANDING)
        assert set(style.walls) <= set(HANGING)


@pytest.mark.parametrize("seed", SEEDS)
def test_instances_do_not_interpenetrate(seed):
    room = make_room(seed)
    for solid in room.solids:
        points = surface_points(solid)
        for other in room.solids:
            if other.instance != solid.instance:
                shared = room.categories[other.instance - 1].name
                mine = room.categories[solid.instance - 1].name
                if {shared, mine} <= {"wall", "floor", "ceiling"}:
                    continue
                inside = other.contains(other.to_local(points), -1e-6)
                assert not inside.any(), (mine, shared, points[inside][0])


@pytest.mark.parametrize("seed", SEEDS)
def test_furniture_is_inside_the_room_and_supported(seed):
    room = make_room(seed)
    low, high = room.bounds
    for number, category in enumerate(room.categories, 1):
        parts = [solid for solid in room.solids if solid.instance == number]
        assert parts
        if category.name in ("wall", "floor", "ceiling"):
            continue
        points = np.concatenate([surface_points(part) for part in parts])
        assert (points > low - 1e-9).all()
        assert (points < high + 1e-9).all()
        if category.name in HANGING:
            gap = np.minimum(points - low, high - points)[:, :2].min()
        else:
            foot = points[points[:, 2] < points[:, 2].min() + 1e-9]
            below = foot - [0, 0, 1e-6]
            others = [solid for solid in room.solids if solid.instance != number]
            carried = [s.contains(s.to_local(below), 0.0).any() for s in others]
            gap = 0.0 if any(carried) else 1.0
        assert gap < 0.021, category.name


def test_rooms_are_varied_and_repeatable():
    rooms = [make_room(seed) for seed in SEEDS]
    again = make_room(3)
    for mine, theirs in zip(rooms[3].solids, again.solids, strict=True):
        assert mine.material == theirs.material
        np.testing.assert_array_equal(mine.corners, theirs.corners)
    names = {category.name for room in rooms for category in room.categories}
    assert len(names) > 25
    furniture = [len(room.categories) - 6 for room in rooms]
    assert min(furniture) >= 6
    assert len({tuple(room.size) for room in rooms}) == len(rooms)


def test_negative_seed_is_refused():
    with pytest.raises(ValueError, match="`seed` must not be negative, got -1"):
        make_room(-1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_camera_keeps_its_distance_and_stays_in_the_room(seed):
    room = make_room(seed)
    eyes = np.array(
        [pose[:3, 3] for pose in make_trajectory(room, seed, range(0, 600, 20))]
    )
    assert (eyes > room.bounds[0] + 0.3).all()
    assert (eyes < room.bounds[1] - 0.3).all()
    for solid in room.solids:
        assert not solid.contains(solid.to_local(eyes), 0.3).any()
    assert np.linalg.norm(np.diff(eyes, axis=0), axis=1).max() < 0.9


def test_path_does_not_depend_on_the_frames_asked_for():
    room = make_room(4)
    every = make_trajectory(room, 4, range(0, 420, 20))
    some = make_trajectory(room, 4, [400, 0, 220])
    for pose, number in zip(some, (400, 0, 220)):
        np.testing.assert_array_equal(pose, every[number // 20])


def test_room_without_a_free_place_is_refused():
    room = make_room(0)
    filling = box(*map(tuple, room.bounds), room.solids[0].material)
    full = replace(room, solids=(*room.solids, filling))
    size = room.size.round(2).tolist()
    message = f"the room of {size} m has no free camera place in 400 trials"
    with pytest.raises(ValueError, match=re.escape(message)):
        make_trajectory(full, 0, [0])


def test_negative_frame_is_refused():
    with pytest.raises(ValueError, match="`frames` must not be negative, got -20"):
        make_trajectory(make_room(0), 0, [-20, 0])
