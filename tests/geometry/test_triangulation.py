"""Points from their pixels: exact ones, weighted ones, and none at all."""

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from vantage3d.geometry import (
    invert_rigid,
    look_at,
    normalise_pixels,
    project,
    triangulate,
    unproject_pixels,
)

K = torch.tensor([[288.0, 0.5, 159.5], [0, 290.0, 119.5], [0, 0, 1]]).double()


def cameras(baseline: float, views: int = 2) -> torch.Tensor:
    """(1 + views, 4, 4) from the first camera to each, a baseline apart."""
    poses = [torch.eye(4, dtype=torch.float64)]
    up = torch.tensor([0.0, -1.0, 0.0], dtype=torch.float64)
    target = torch.tensor([0.0, 0.0, 3.0], dtype=torch.float64)
    for i in range(views):
        angle = 1.0 + 2.5 * i
        eye = torch.tensor([math.cos(angle), math.sin(angle), 0.2]).double()
        poses.append(invert_rigid(look_at(eye * baseline, target, up)))
    return torch.stack(poses)


def points(count: int = 40) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    uniform = torch.rand(count, 3, generator=generator, dtype=torch.float64)
    return uniform * torch.tensor([2, 1.5, 3.0]) + torch.tensor([-1.0, -0.75, 1.0])


def coords_of(world: torch.Tensor, ref2cam: torch.Tensor) -> torch.Tensor:
    seen = world @ ref2cam[:, :3, :3].mT + ref2cam[:, None, :3, 3]
    return seen[..., :2] / seen[..., 2:]


@pytest.mark.parametrize("baseline", [0.005, 0.05, 0.5])
@pytest.mark.parametrize("views", [1, 2, 4])
def test_exact_pixels_triangulate_exactly(baseline, views):
    world, ref2cam = points(), cameras(baseline, views)
    pixels, _ = project(world.expand(1 + views, -1, -1), K, ref2cam)
    coords = normalise_pixels(pixels, K)
    found = triangulate(coords, ref2cam, torch.ones(1 + views, len(world)))
    assert found.well_posed.all()
    assert found.in_front.all()
    torch.testing.assert_close(found.points, world, rtol=0, atol=1e-7)


def test_single_precision_is_exact_to_its_pixels():
    """Float32 pixels are off by 1e-5 px: 1e-4 m at a baseline of 10 cm."""
    world, ref2cam = points(), cameras(0.1)
    pixels, _ = project(world.expand(3, -1, -1), K, ref2cam)
    coords = normalise_pixels(pixels.float(), K.float())
    found = triangulate(coords, ref2cam.float(), torch.ones(3, len(world)))
    assert found.points.dtype == torch.float32
    assert float((found.points.double() - world).abs().max()) < 1e-4


def test_normalised_pixels_are_those_of_rays():
    pixels = torch.rand(7, 2, dtype=torch.float64) * 100
    eye = torch.eye(4, dtype=torch.float64)
    rays = unproject_pixels(pixels, torch.ones(7, dtype=torch.float64), K, eye)
    torch.testing.assert_close(normalise_pixels(pixels, K), rays[:, :2])


def noisy(baseline: float = 0.3):
    world, ref2cam = points(), cameras(baseline)
    generator = torch.Generator().manual_seed(2)
    coords = coords_of(world, ref2cam)
    noise = torch.randn(coords.shape, generator=generator, dtype=torch.float64)
    weights = torch.rand(coords.shape[:2], generator=generator, dtype=torch.float64)
    return coords + 0.003 * noise, ref2cam, weights + 0.1


def test_noisy_points_are_the_weighted_least_squares():
    coords, ref2cam, weights = noisy()
    found = triangulate(coords, ref2cam, weights).points.numpy()
    for n in range(coords.shape[1]):
        rows, rhs = [], []
        for v, pose in enumerate(ref2cam.numpy()):
            for axis in (0, 1):
                u = float(coords[v, n, axis])
                row = float(weights[v, n]) * (pose[axis] - u * pose[2])
                rows.append(row[:3])
                rhs.append(-row[3])
        expected = np.linalg.lstsq(np.array(rows), np.array(rhs), rcond=None)[0]
        np.testing.assert_allclose(found[n], expected, rtol=1e-9)


def test_weight_zero_leaves_a_view_out():
    coords, ref2cam, weights = noisy()
    weights[1] = 0
    two = triangulate(coords[[0, 2]], ref2cam[[0, 2]], weights[[0, 2]])
    coords[1] = 55.0  # also where its pixel would put the point behind it
    torch.testing.assert_close(triangulate(coords, ref2cam, weights).points, two.points)


def degenerate() -> dict[str, tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Coordinates, poses and weights of two views that determine no point."""
    eye = torch.eye(4, dtype=torch.float64)
    aside = eye.clone()
    aside[0, 3] = -0.2
    pair = torch.tensor([[[0.1, 0.2]], [[0.1, 0.2]]], dtype=torch.float64)
    apart = torch.tensor([[[0.1, 0.2]], [[0.4, 0.1]]], dtype=torch.float64)
    ones = torch.ones(2, 1, dtype=torch.float64)
    lone = torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    return {
        "identical poses": (pair, torch.stack([eye, eye]), ones),
        "parallel rays": (pair, torch.stack([eye, aside]), ones),
        "one view": (apart, torch.stack([eye, aside]), lone),
        "no view": (apart, torch.stack([eye, aside]), ones * 0),
    }


@pytest.mark.parametrize("case", degenerate())
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_point_and_finite_gradients(case, dtype):
    coords, ref2cam, weights = (value.to(dtype) for value in degenerate()[case])
    coords, weights = coords.requires_grad_(), weights.requires_grad_()
    found = triangulate(coords, ref2cam, weights)
    assert not found.well_posed.any()
    assert not found.in_front.any()
    assert torch.equal(found.points, torch.zeros_like(found.points))
    found.points.sum().backward()
    for gradient in (coords.grad, weights.grad):
        assert torch.equal(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_least_parallax_is_the_angle_of_the_rays(factor):
    """Two cameras that look at a point from directions of a known angle."""
    angle = 0.01
    x = 2 * math.tan(angle / 2)
    left, right = (torch.eye(4, dtype=torch.float64) for _ in range(2))
    left[0, 3], right[0, 3] = x / 2, -x / 2
    target = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    ref2cam = torch.stack([left, right])
    found = triangulate(
        coords_of(target, ref2cam), ref2cam, torch.ones(2, 1), angle * factor
    )
    assert bool(found.well_posed) == (factor < 1)


def test_points_behind_a_camera():
    """Rays that diverge meet behind both cameras."""
    ref2cam = cameras(0.3, 1)
    world = torch.tensor([[0.1, 0.2, -2.0], [0.1, 0.2, 2.0]], dtype=torch.float64)
    found = triangulate(coords_of(world, ref2cam), ref2cam, torch.ones(2, 2))
    assert found.well_posed.tolist() == [True, True]
    assert found.in_front.tolist() == [False, True]
    torch.testing.assert_close(found.points, world)


def test_gradients_against_finite_differences():
    coords, ref2cam, weights = noisy()
    coords = coords[:, :3].clone()
    coords[1, 2] = coords[0, 2]  # third point: nothing but the first camera's ray
    ref2cam[2] = ref2cam[0]
    weights, ref2cam = weights[:, :3].clone(), ref2cam.clone()
    weights[1, 2] = 0
    coords[2, 2] = coords[0, 2]
    coords.requires_grad_()
    weights.requires_grad_()

    def solve(coords, weights):
        return triangulate(coords, ref2cam, weights).points

    found = triangulate(coords, ref2cam, weights)
    assert found.well_posed.tolist() == [True, True, False]
    assert gradcheck(solve, (coords, weights), eps=1e-7, atol=1e-4, rtol=1e-4)


def test_shapes_are_checked():
    coords, ref2cam, weights = noisy()
    with pytest.raises(ValueError, match=r"`weights` must have shape .*got \(2, 40\)"):
        triangulate(coords, ref2cam, weights[:2])
