import re

import numpy as np
import pytest
import torch

from vantage3d.geometry import (
    distance_to_depth,
    invert_rigid,
    look_at,
    pixel_grid,
    project,
    scale_intrinsics,
    transform_points,
    unproject,
    unproject_pixels,
)

UP = np.array([0.0, 0.0, 1.0])
K = np.array([[60.0, 0.3, 31.2], [0, 62.0, 23.7], [0, 0, 1]])


def camera(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return look_at(rng.uniform(-2, 2, 3), rng.uniform(3, 5, 3), UP)


@pytest.fixture(params=["numpy", "torch"])
def to(request):
    return np.asarray if request.param == "numpy" else torch.as_tensor


def test_look_at_is_rigid_and_centres_the_target(to):
    eye, target = np.array([1.0, 2, 3]), np.array([-1.0, 0.5, 0.2])
    cam2world = look_at(to(eye), to(target), to(UP))
    rotation = np.asarray(cam2world)[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert rotation[:, 1] @ UP < 0  # image y points down
    pixel, depth = project(to(target[None]), to(K), invert_rigid(cam2world))
    np.testing.assert_allclose(pixel[0], K[:2, 2])
    assert float(depth[0]) == pytest.approx(np.linalg.norm(target - eye))


def test_invert_rigid_equals_matrix_inverse(to):
    poses = np.stack([[camera(1), camera(2)], [camera(3), camera(4)]])
    expected = np.linalg.inv(poses)
    np.testing.assert_allclose(invert_rigid(to(poses)), expected, atol=1e-12)
    np.testing.assert_allclose(invert_rigid(invert_rigid(to(poses))), poses, atol=1e-12)


def test_transform_points_broadcasts(to):
    points = np.random.default_rng(0).normal(size=(7, 3))
    poses = np.stack([camera(1), camera(2)])
    moved = np.asarray(transform_points(to(poses), to(points)))
    homogeneous = np.c_[points, np.ones(7)]
    for pose, result in zip(poses, moved):
        np.testing.assert_allclose(result, (homogeneous @ pose.T)[:, :3], atol=1e-12)


def test_project_inverts_unproject(to):
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.5, 4, (2, 3, 12, 16))
    Ks = np.broadcast_to(K, (2, 3, 3, 3)).copy()
    poses = np.stack([[camera(i + 3 * j) for i in range(3)] for j in range(2)])
    points = unproject(to(depth), to(Ks), to(poses))
    assert tuple(points.shape) == (2, 3, 12, 16, 3)
    flat = points.reshape(2, 3, -1, 3)
    pixels, z = project(flat, to(Ks), invert_rigid(to(poses)))
    grid = np.stack(np.meshgrid(np.arange(16), np.arange(12)), -1).reshape(-1, 2)
    np.testing.assert_allclose(pixels, np.broadcast_to(grid, pixels.shape), atol=1e-9)
    np.testing.assert_allclose(z, depth.reshape(2, 3, -1), atol=1e-9)


def test_missing_depth_unprojects_to_zero(to):
    depth = np.ones((4, 5))
    depth[1, 2] = 0
    points = np.asarray(unproject(to(depth), to(K), to(camera(0))))
    assert (points[1, 2] == 0).all()
    assert (points[0, 0] != 0).all()


def test_pixel_grid_is_x_then_y(to):
    grid = np.asarray(pixel_grid(3, 4, to(np.zeros(1))))
    assert grid.shape == (3, 4, 2)
    assert grid[2, 1].tolist() == [1, 2]


def test_scale_intrinsics_keeps_rays_of_image_borders(to):
    """The image spans [-0.5, W - 0.5]; its borders see the same rays at any size."""
    scaled = np.asarray(scale_intrinsics(to(K), 0.5, 0.25))
    for (u, v), (x, y) in [((-0.5, -0.5), (-0.5, -0.5)), ((63.5, 47.5), (31.5, 11.5))]:
        np.testing.assert_allclose(
            np.linalg.inv(K) @ [u, v, 1], np.linalg.inv(scaled) @ [x, y, 1]
        )


@pytest.mark.parametrize("factor", [2, 4])
def test_downscaled_plane_unprojects_to_the_same_plane(to, factor):
    """Block means of 1/z are 1/z at the coarse centres, exactly, for a plane."""
    normal, offset = np.array([0.2, -0.3, 1.0]), 2.5
    rays = np.linalg.inv(K) @ np.stack(
        [*np.meshgrid(np.arange(64), np.arange(48)), np.ones((48, 64))]
    ).reshape(3, -1)
    inverse = ((normal @ rays) / offset).reshape(48, 64)
    blocks = inverse.reshape(48 // factor, factor, 64 // factor, factor)
    coarse = 1 / blocks.mean(axis=(1, 3))
    points = unproject(to(coarse), scale_intrinsics(to(K), 1 / factor), to(np.eye(4)))
    np.testing.assert_allclose(np.asarray(points) @ normal, offset, atol=1e-12)


def test_gradients_flow():
    depth = torch.rand(2, 6, 8, dtype=torch.float64).add(1).requires_grad_()
    Ks = torch.as_tensor(K).expand(2, 3, 3)
    poses = torch.as_tensor(np.stack([camera(0), camera(1)]))
    torch.autograd.gradcheck(lambda d: unproject(d, Ks, poses), depth)


def errors():
    eye4, points = np.eye(4), np.zeros((5, 3))
    return [
        (
            lambda: unproject(np.ones((2, 4, 5)), K, eye4),
            "`K` must have shape (2, 3, 3), got (3, 3). One K per depth map.",
        ),
        (
            lambda: unproject(np.ones((4, 5)), K, eye4[None]),
            "`cam2world` must have shape (4, 4), got (1, 4, 4). One pose per depth map",
        ),
        (
            lambda: unproject_pixels(np.zeros((5, 2)), np.ones(4), K, eye4),
            "`depth` must have shape (..., N=5), got (4,)",
        ),
        (
            lambda: project(points, eye4, eye4),
            "`K` must have shape (..., 3, 3), got (4, 4)",
        ),
        (
            lambda: transform_points(eye4, points[:, :2]),
            "`points` must have shape (..., N, 3), got (5, 2)",
        ),
        (
            lambda: invert_rigid(K),
            "`transform` must have shape (..., 4, 4), got (3, 3)",
        ),
        (lambda: scale_intrinsics(K, 0.0), "`scale_x` must be positive, got 0.0"),
        (lambda: scale_intrinsics(K, 1, -2), "`scale_y` must be positive, got -2"),
        (
            lambda: look_at(np.zeros(3), UP, UP),
            "`target` - `eye` must not be parallel to `up`, got [0.0, 0.0, 1.0]",
        ),
    ]


@pytest.mark.parametrize(("call", "message"), errors())
def test_errors(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_distance_to_depth_is_the_z_of_the_point(to):
    """The length of every unprojected point gives its depth back, skew and all."""
    depth = np.random.default_rng(0).uniform(1, 5, (48, 64))
    depth[3, 4] = 0
    distance = np.linalg.norm(unproject(depth, K, np.eye(4)), axis=-1)
    found = distance_to_depth(to(distance), to(K))
    np.testing.assert_allclose(np.asarray(found), depth, rtol=1e-12)
    with pytest.raises(ValueError, match=r"`distance` .* got \(2, 48, 64\)"):
        distance_to_depth(to(np.stack([distance] * 2)), to(K))
