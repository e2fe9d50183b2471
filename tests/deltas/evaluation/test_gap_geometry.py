"""What a study of the gap must show, from geometry alone: rooms, exact matches, noise.

A match that is off by a pixel moves a point at depth Z by Z^2 / (f b): the error of
triangulation falls as the baseline b grows. What grows with b too is the share of
points that the other views do not show.
"""

import pytest
import torch

from vantage3d.deltas.correspondences import true_matches, true_points
from vantage3d.deltas.evaluation.hooks import stride
from vantage3d.deltas.models.estimator import relative_poses
from vantage3d.geometry import normalise_pixels, triangulate
from vantage3d.geometry.cameras import pixel_grid
from vantage3d.synthetic.rooms.filming import Job, film, sensor_intrinsics

SIZE = (96, 128)
ANCHOR, GAPS = 100, (5, 20, 60, 100)
NOISE_PX = 0.5


def room(gap: int) -> dict:
    """Depth and cameras of three frames of a room, float64, B = 1."""
    frames = (ANCHOR, ANCHOR - gap, ANCHOR + gap)
    views = list(film(Job(3, frames, (SIZE[1], SIZE[0])))[1])
    K = torch.from_numpy(sensor_intrinsics((SIZE[1], SIZE[0])))
    return {
        "depth": torch.stack([torch.from_numpy(v.frame.depth) for v in views])[None],
        "K": K.repeat(1, 3, 1, 1),
        "cam2world": torch.stack([torch.from_numpy(v.cam2world) for v in views])[None],
    }


def noisy_triangulation(batch: dict) -> tuple[float, float]:
    """Median relative error of points, and the share that both views show."""
    depth, K, cam2world = (batch[k].double() for k in ("depth", "K", "cam2world"))
    keypoints = pixel_grid(*SIZE, K)[2::6, 2::6].reshape(1, -1, 2)
    truth = true_points(keypoints, depth[:, 0], K[:, 0], (0.5, 10.0))
    seen = true_matches(truth, depth, K, cam2world, occlusion=0.05)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(seen.pixels.shape, generator=generator, dtype=torch.float64)
    pixels = torch.cat([keypoints[:, None], seen.pixels + NOISE_PX * noise], 1)
    weights = torch.cat([truth.valid[:, None], seen.valid], 1).double()
    coords = normalise_pixels(pixels, K)
    found = triangulate(coords, relative_poses(cam2world), weights)
    both = seen.valid.all(1) & found.in_front
    error = (found.points[..., 2] - truth.points[..., 2]).abs() / truth.points[..., 2]
    return float(error[both].median()), float(both.double().mean())


@pytest.fixture(scope="module")
def rows() -> list[tuple[float, float]]:
    return [noisy_triangulation(room(gap)) for gap in GAPS]


def test_error_falls_as_the_baseline_grows(rows):
    errors = [error for error, _ in rows]
    assert errors == sorted(errors, reverse=True)
    # From a tenth of the distance on, an error of a tenth.
    assert 2 < errors[0] / errors[1] < 8 and errors[2] < 0.05


def test_overlap_is_lost_as_the_baseline_grows(rows):
    shares = [share for _, share in rows]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.8 and shares[-1] < 0.5


def test_poses_read_with_the_wrong_stride_find_nothing():
    batch = room(20)
    batch["cam2world"] = stride(batch["cam2world"])
    depth, K, cam2world = (batch[k].double() for k in ("depth", "K", "cam2world"))
    keypoints = pixel_grid(*SIZE, K)[2::6, 2::6].reshape(1, -1, 2)
    truth = true_points(keypoints, depth[:, 0], K[:, 0], (0.5, 10.0))
    seen = true_matches(truth, depth, K, cam2world, occlusion=0.05)
    assert float(seen.valid.double().mean()) < 0.1
