"""Rays seen by other cameras, against projections of single points."""

import pytest
import torch

from vantage3d.geometry import (
    clip_rays,
    invert_rigid,
    look_at,
    project,
    seen_rays,
    unproject_pixels,
)

SIZE = (60, 80)  # H, W
NEAR, FAR = 0.5, 10.0
CAMERAS = {  # centre, point that is looked at, in the reference camera
    "beside": ((0.3, 0.0, 0.0), (0.3, 0.0, 4.0)),
    "turned": ((0.4, -0.2, 0.1), (-0.3, 0.2, 2.0)),
    "ahead": ((0.05, 0.02, 1.5), (0.0, 0.0, 6.0)),  # near points are behind it
    "opposite": ((0.0, 0.1, 6.0), (0.1, 0.0, 0.0)),
    "away": ((0.0, 0.0, -0.1), (0.0, 0.1, -5.0)),  # sees nothing
}


def matrix(fx: float, fy: float, cx: float, cy: float, skew: float) -> torch.Tensor:
    K = torch.tensor([[fx, skew, cx], [0, fy, cy], [0, 0, 1]], dtype=torch.float64)
    return K


K_REF = matrix(70, 75, 39.5, 30.2, 0.3)
K_SRC = matrix(60, 58, 41.0, 28.0, -0.2)


def pose(name: str) -> torch.Tensor:
    """ref2src of a camera."""
    eye, target = (torch.tensor(v, dtype=torch.float64) for v in CAMERAS[name])
    up = torch.tensor([0.0, -1.0, 0.0], dtype=torch.float64)
    return invert_rigid(look_at(eye, target, up))


def pixels(count: int = 50) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    return uniform * torch.tensor([79.0, 59.0])


def seen_at(points: torch.Tensor, depth: torch.Tensor, ref2src: torch.Tensor):
    """Pixels and depths of pixels' points, one by one."""
    world = unproject_pixels(points, depth, K_REF, torch.eye(4, dtype=torch.float64))
    return project(world, K_SRC, ref2src)


@pytest.mark.parametrize("name", CAMERAS)
def test_a_ray_at_a_depth_is_the_points_projection(name):
    points, ref2src = pixels(), pose(name)
    rays = seen_rays(points, K_REF, K_SRC, ref2src)
    for depth in (0.5, 1.7, 10.0):
        depths = torch.full_like(points[:, 0], depth)
        expected, z = seen_at(points, depths, ref2src)
        at = 1 / depths
        torch.testing.assert_close(rays.at(at), expected, rtol=1e-9, atol=1e-9)
        ratio = (rays.start + rays.step * at[:, None])[:, 2]
        torch.testing.assert_close(ratio * depth, z, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", CAMERAS)
def test_clipping_finds_what_a_fine_search_finds(name):
    points, ref2src = pixels(), pose(name)
    bounds, valid = clip_rays(seen_rays(points, K_REF, K_SRC, ref2src), NEAR, FAR, SIZE)
    steps = torch.linspace(1 / FAR, 1 / NEAR, 1001, dtype=torch.float64)
    gap = float(steps[1] - steps[0])
    inside = visible(points, 1 / steps, ref2src)
    assert not (inside.any(1) & ~valid).any()
    assert inside.any(1)[valid & (bounds[:, 1] - bounds[:, 0] > gap)].all()
    for i in inside.any(1).nonzero()[:, 0].tolist():
        seen = steps[inside[i]]
        assert abs(float(bounds[i, 0] - seen[0])) <= gap, (name, i)
        assert abs(float(bounds[i, 1] - seen[-1])) <= gap, (name, i)
    if name == "away":
        assert not valid.any()
        assert torch.equal(bounds, torch.full_like(bounds, 1 / FAR))
    else:
        assert valid.any()


def visible(points, depths, ref2src):
    """(N, D) bool: the source image shows the point of a pixel at a depth."""
    pairs = points.repeat_interleave(len(depths), 0), depths.repeat(len(points))
    found, z = seen_at(*pairs, ref2src)
    limit = torch.tensor([SIZE[1] - 0.5, SIZE[0] - 0.5])
    shown = (z > 0) & ((found >= -0.5) & (found <= limit)).all(-1)
    return shown.view(len(points), len(depths))


def test_without_a_baseline_the_whole_range_is_one_point():
    points = pixels()
    rays = seen_rays(points, K_REF, K_REF, torch.eye(4, dtype=torch.float64))
    bounds, valid = clip_rays(rays, NEAR, FAR, SIZE)
    assert valid.all()
    for end in (0, 1):
        torch.testing.assert_close(rays.at(bounds[:, end]), points)
    assert torch.equal(bounds[0], torch.tensor([0.1, 2.0], dtype=torch.float64))


@pytest.mark.parametrize(("near", "far"), [(0.0, 1.0), (2.0, 2.0), (float("nan"), 1)])
def test_impossible_range(near, far):
    rays = seen_rays(pixels(), K_REF, K_SRC, pose("beside"))
    with pytest.raises(ValueError, match=rf"0 < near < far.*got {near} and {far}"):
        clip_rays(rays, near, far, SIZE)


def test_wrong_shape():
    with pytest.raises(ValueError, match=r"`pixels` must have shape .*got \(5, 3\)"):
        seen_rays(torch.zeros(5, 3), K_REF, K_SRC, pose("beside"))
