import re

import numpy as np
import pytest

from vantage3d.geometry import invert_rigid, look_at, unproject
from vantage3d.synthetic import make_room, make_trajectory, sensor_intrinsics
from vantage3d.synthetic.render.materials import Material
from vantage3d.synthetic.render.raycast import cast, cast_rays
from vantage3d.synthetic.render.solids import Box, Cylinder, Ellipsoid, turn_about_z

GREY = Material((0.5, 0.5, 0.5))
SIZE = (40, 30)
K = sensor_intrinsics(SIZE)
UP = np.array([0.0, 0.0, 1.0])


def surface_value(solid, points):
    """Zero on the surface, negative inside, for (N, 3) world points."""
    local = solid.to_local(points) / solid.half
    if isinstance(solid, Box):
        return np.abs(local).max(axis=1) - 1
    if isinstance(solid, Cylinder):
        return np.maximum(np.hypot(local[:, 0], local[:, 1]), np.abs(local[:, 2])) - 1
    return np.linalg.norm(local, axis=1) - 1


def test_fronto_parallel_wall_has_one_depth():
    wall = Box(np.array([9.0, 9.0, 0.1]), np.array([0.0, 0.0, 3.1]), GREY)
    hits = cast([wall], K, np.eye(4), SIZE)
    np.testing.assert_allclose(hits.depth, 3.0, rtol=1e-12)
    assert (hits.solid == 0).all()


def test_ball_and_cylinder_closed_form():
    """Straight ahead, then the silhouette: tan = r / sqrt(d^2 - r^2)."""
    size = np.array([0.5, 0.5, 0.5])
    K1 = np.array([[1000.0, 0, 500], [0, 1000, 0], [0, 0, 1]])
    for kind in (Ellipsoid, Cylinder):
        turn = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # local z is image y
        solid = kind(size, np.array([0, 0, 2.0]), GREY, rotation=turn)
        hits = cast([solid], K1, np.eye(4), (1001, 1))
        assert hits.depth[0, 500] == pytest.approx(1.5, abs=1e-12)
        edge = 1000 * 0.5 / np.sqrt(2**2 - 0.5**2)
        assert np.flatnonzero(hits.solid[0] == 0)[[0, -1]].tolist() == [
            int(np.ceil(500 - edge)),
            int(np.floor(500 + edge)),
        ]


def test_nothing_hit_is_depth_zero():
    behind = Box(np.ones(3), np.array([0.0, 0.0, -5.0]), GREY)
    hits = cast([behind], K, np.eye(4), SIZE)
    assert (hits.depth == 0).all()
    assert (hits.solid == -1).all()


def test_solid_that_reaches_behind_the_camera_is_seen():
    floor = Box(np.array([5.0, 5.0, 0.1]), np.array([0.0, 0.0, -0.1]), GREY)
    cam2world = look_at(np.array([0.0, 0, 1]), np.array([1.0, 0, 0]), UP)
    hits = cast([floor], K, invert_rigid(cam2world), SIZE)
    points = unproject(hits.depth, K, cam2world)[hits.solid == 0]
    np.testing.assert_allclose(points[:, 2], 0, atol=1e-12)
    assert (hits.solid == 0).mean() > 0.9


@pytest.mark.parametrize("kind", [Box, Cylinder, Ellipsoid])
def test_depth_equals_marching_along_rays(kind):
    """Oracle: walk along each ray until the implicit surface changes sign."""
    solid = kind(
        np.array([0.6, 0.3, 0.4]), np.array([0.1, 0.1, 2.0]), GREY, turn_about_z(0.6)
    )
    hits = cast([solid], K, np.eye(4), SIZE)
    steps = np.linspace(1.0, 3.0, 2001)
    for row, column in np.ndindex(SIZE[1] // 5, SIZE[0] // 5):
        pixel = np.array([5 * column, 5 * row, 1.0])
        ray = np.linalg.inv(K) @ pixel
        inside = surface_value(solid, steps[:, None] * ray) < 0
        depth = hits.depth[5 * row, 5 * column]
        if inside.any():
            assert depth == pytest.approx(steps[inside.argmax()], abs=1.1e-3)
        else:
            assert depth == 0 or abs(surface_value(solid, depth * ray[None])[0]) < 1e-9


@pytest.mark.parametrize("seed", [0, 7])
def test_room_depth_lies_on_the_first_surface(seed):
    """Every point is on the surface it names, and no solid is in front of it."""
    room = make_room(seed)
    for cam2world in make_trajectory(room, seed, [0, 130]):
        hits = cast(room.solids, K, invert_rigid(cam2world), SIZE)
        points = unproject(hits.depth, K, cam2world)
        for number in np.unique(hits.solid):
            on = points[hits.solid == number]
            assert np.abs(surface_value(room.solids[number], on)).max() < 1e-9
        eye = cam2world[:3, 3]
        way = np.linspace(eye, points.reshape(-1, 3), 40, endpoint=False)
        for solid in room.solids:
            assert surface_value(solid, way.reshape(-1, 3)).min() > 0


def test_errors():
    with pytest.raises(ValueError, match=re.escape("`K` must have shape (3, 3), got")):
        cast([], np.eye(4), np.eye(4), SIZE)
    message = re.escape("`world2cam` must have shape (4, 4), got (3, 4)")
    with pytest.raises(ValueError, match=message):
        cast([], K, np.eye(4)[:3], SIZE)


def test_single_rays_meet_what_the_image_shows():
    room = make_room(3)
    cam2world = make_trajectory(room, 3, [0])[0]
    expected = cast(room.solids, K, invert_rigid(cam2world), SIZE).depth
    pixels = np.stack(np.meshgrid(np.arange(40), np.arange(30)), -1).reshape(-1, 2)
    rays = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(K).T
    found = cast_rays(room.solids, cam2world[:3, 3], rays @ cam2world[:3, :3].T)
    np.testing.assert_allclose(found.reshape(30, 40), expected, rtol=1e-9)
    away = Box(np.ones(3), np.array([0.0, 0, -5]), GREY)
    assert cast_rays([away], np.zeros(3), np.array([[0.0, 0, 1]])).tolist() == [0]
