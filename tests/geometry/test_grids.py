import re

import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample, interpolate

from tests.geometry.sampling import project_and_sample, sample_grid
from vantage3d.geometry import (
    FeatureGrid,
    bilinear_cells,
    grid_pixels,
    pixel_grid,
    unproject,
)

SIZE = (64, 48)
K = torch.tensor([[60.0, 0, 31.2], [0, 62.0, 23.7], [0, 0, 1]], dtype=torch.float64)
EYE = torch.eye(4, dtype=torch.float64)
GRID = FeatureGrid(SIZE, SIZE, 14)  # padded from 64 x 48 to 70 x 56


def seen_points(depth: float = 2.0, size=SIZE) -> torch.Tensor:
    """One point per pixel, in camera coordinates."""
    plane = torch.full(size[::-1], depth, dtype=torch.float64)
    return unproject(plane, K, EYE).reshape(-1, 3)


@pytest.mark.parametrize(
    ("image", "given", "patch", "size", "scale"),
    [
        ((640, 480), (640, 480), 14, (46, 35), (1 / 14, 1 / 14)),
        ((640, 480), (560, 420), 14, (40, 30), (0.0625, 0.0625)),
        ((640, 480), (640, 480), 8, (80, 60), (0.125, 0.125)),
        # 968 * 640 / 1296 = 478.02..., so rounding to 478 is in proportion.
        ((1296, 968), (640, 478), 14, (46, 35), (640 / 1296 / 14, 478 / 968 / 14)),
    ],
)
def test_sizes_of_known_networks(image, given, patch, size, scale):
    grid = FeatureGrid(image, given, patch)
    assert grid.size == size
    assert grid.scale == pytest.approx(scale)


@pytest.mark.parametrize("size", [(640, 480), (1296, 968), (101, 77)])
@pytest.mark.parametrize("short", [14, 99, 420])
def test_any_rounding_of_a_proportional_size_is_allowed(size, short):
    factor = short / min(size)
    for w in {int(size[0] * factor), round(size[0] * factor)}:
        for h in {int(size[1] * factor), round(size[1] * factor)}:
            FeatureGrid(size, (w, h), 14)


def test_source_pixels_are_found_again():
    """Through any grid: position on it, back to the image by hand."""
    wanted = pixel_grid(48, 64, K).reshape(-1, 2)
    for grid in (GRID, FeatureGrid(SIZE, (56, 42), 14), FeatureGrid(SIZE, (32, 24), 8)):
        pixels, valid = grid_pixels(seen_points().float(), K.float(), SIZE, grid)
        assert valid.all()
        scale = torch.tensor(grid.scale)
        torch.testing.assert_close(
            (pixels + 0.5) / scale - 0.5, wanted.float(), atol=1e-2, rtol=0
        )


def test_intrinsics_of_another_size_of_the_same_view():
    """K of a 64 x 48 depth image, features of a 128 x 96 colour image."""
    grid = FeatureGrid((128, 96), (64, 48), 14)
    torch.testing.assert_close(
        grid_pixels(seen_points(), K, SIZE, grid)[0],
        grid_pixels(seen_points(), K, SIZE, GRID)[0],
    )


@pytest.mark.parametrize("size", [(560, 420), (640, 480), (320, 240)])
@pytest.mark.parametrize("patch", [8, 14, 16])
def test_resized_ramp_is_sampled_exactly(size, patch):
    """A linear image resized by the half-pixel rule: cell i holds its centre's value.

    Image pixel x = (i + 0.5) / scale - 0.5 is what a resize puts into cell i, so the
    samples of a ramp must be the ramp at the source pixels.
    """
    grid = FeatureGrid((640, 480), size, patch)
    cells = pixel_grid(grid.size[1], grid.size[0], K)
    x, y = ((cells + 0.5) / cells.new_tensor(grid.scale) - 0.5).unbind(-1)
    feats = torch.stack([x, y, 3 * x - 2 * y + 1])
    rng = np.random.default_rng(0)
    margin = 0.5 / min(grid.scale)  # bilinear up to the outer centres
    low, high = margin, np.array([639, 479]) - margin
    pixels = torch.from_numpy(rng.uniform(low, high, (500, 2)))
    K_image = torch.tensor([[577.9, 0, 319.5], [0, 577.9, 239.5], [0, 0, 1]]).double()
    points = torch.cat([pixels, torch.ones(500, 1)], 1) @ torch.linalg.inv(K_image).T
    points = points * torch.from_numpy(rng.uniform(0.3, 6, (500, 1)))
    samples, valid = project_and_sample(feats, points, K_image, (640, 480), grid)
    assert valid.all()
    u, v = pixels.unbind(1)
    expected = torch.stack([u, v, 3 * u - 2 * v + 1], 1)
    torch.testing.assert_close(samples, expected, atol=1e-9, rtol=0)


def test_resize_of_an_image_library_agrees():
    """The same ramp, resized by torch (area, exact for whole factors)."""
    ramp = torch.arange(640, dtype=torch.float64).expand(480, 640)
    feats = interpolate(ramp[None, None], size=(60, 80), mode="area")[0]
    grid = FeatureGrid((640, 480), (640, 480), 8)
    pixels = torch.tensor([[3.5, 3.5], [100.0, 200], [635.5, 475.5]])
    K_image = torch.tensor([[500.0, 0, 319.5], [0, 500, 239.5], [0, 0, 1]])
    points = torch.cat([pixels, torch.ones(3, 1)], 1) @ torch.linalg.inv(K_image).T
    samples, _ = project_and_sample(
        feats, points.double(), K_image.double(), (640, 480), grid
    )
    torch.testing.assert_close(samples[:, 0], pixels[:, 0].double(), atol=1e-3, rtol=0)


def at(pixel: tuple[float, float], z: float = 2.0) -> torch.Tensor:
    ray = torch.linalg.inv(K) @ torch.tensor([*pixel, 1.0], dtype=torch.float64)
    return (ray * z)[None]


@pytest.mark.parametrize(
    ("pixel", "inside"),
    [
        ((-0.49, -0.49), True),  # the half patch at left and top
        ((3.0, 3.0), True),
        ((63.49, 47.49), True),
        ((-0.51, 20), False),
        ((63.51, 20), False),  # on the grid, but in its padding
        ((30, -0.51), False),
        ((30, 47.51), False),
    ],
)
def test_border_of_the_image(pixel, inside):
    _, valid = grid_pixels(at(pixel), K, SIZE, GRID)
    assert valid.tolist() == [inside]


def test_half_a_patch_at_the_border_has_the_values_of_the_border():
    feats = torch.rand(5, 4, 5, dtype=torch.float64)
    samples, valid = project_and_sample(feats, at((0, 0)), K, SIZE, GRID)
    assert valid.all()
    torch.testing.assert_close(samples[0], feats[:, 0, 0])


@pytest.mark.parametrize("z", [0.0, -2.0, 0.0005])
def test_points_that_are_not_in_front_of_the_camera(z):
    pixels, valid = grid_pixels(at((30, 20), z), K, SIZE, GRID)
    assert not valid.any()
    assert pixels.isfinite().all()
    samples, _ = project_and_sample(torch.ones(2, 4, 5), at((30, 20), z), K, SIZE, GRID)
    assert (samples == 0).all()


def test_a_point_at_five_millimetres_is_valid():
    """Depth limits belong to the sensor, which has had its say."""
    assert grid_pixels(at((30, 20), 0.005), K, SIZE, GRID)[1].all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_samples_equal_grid_sample(dtype):
    torch.manual_seed(0)
    feats = torch.randn(7, 5, 6).to(dtype)
    pixels = torch.rand(200, 2) * 9 - 1.5
    size = torch.tensor([6.0, 5.0])
    oracle = grid_sample(
        feats[None].float(),
        (2 * (pixels + 0.5) / size - 1)[None, None],
        align_corners=False,
        padding_mode="border",
    )[0, :, 0].T
    samples = sample_grid(feats, pixels)
    assert samples.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(samples.float(), oracle, atol=1e-5, rtol=1e-5)


def test_occluded_points_are_dropped():
    """A wall at 3 m, a box before its right half at 1 m; all seen from the wall."""
    depth = torch.full((48, 64), 3.0, dtype=torch.float64)
    depth[:, 32:] = 1.0
    depth[:4] = 0  # nothing measured
    wall, feats = seen_points(3.0), torch.ones(2, 4, 5)
    samples, valid = project_and_sample(feats, wall, K, SIZE, GRID, depth)
    valid = valid.reshape(48, 64)
    assert valid[4:, :32].all()
    assert not valid[:, 32:].any()
    assert not valid[:4].any()
    assert torch.equal(samples.reshape(48, 64, 2)[..., 0] > 0, valid)
    behind = wall * (3.04 / 3)
    assert project_and_sample(feats, behind, K, SIZE, GRID, depth)[1].any()
    assert not project_and_sample(feats, behind, K, SIZE, GRID, depth, 0.03)[1].any()


def test_gradients_reach_features_and_points():
    torch.manual_seed(0)
    feats = torch.randn(2, 4, 5, dtype=torch.float64, requires_grad=True)
    points = seen_points()[5::97].clone().requires_grad_()
    torch.autograd.gradcheck(
        lambda f, p: project_and_sample(f, p, K, SIZE, GRID)[0], (feats, points)
    )


def test_no_points():
    samples, valid = project_and_sample(
        torch.ones(2, 4, 5), torch.zeros(0, 3), K.float(), SIZE, GRID
    )
    assert samples.shape == (0, 2)
    assert valid.shape == (0,)


def test_numpy_points():
    pixels, valid = grid_pixels(seen_points().numpy(), K.numpy(), SIZE, GRID)
    assert isinstance(pixels, np.ndarray)
    assert valid.all()


def errors():
    feats, points = torch.ones(2, 4, 5), seen_points()
    return [
        (
            lambda: FeatureGrid((640, 480), (480, 480), 14),
            "`input_size` 480x480 must be `image_size` 640x480 resized in proportion",
        ),
        (
            lambda: FeatureGrid((640, 480), (644, 480), 14),
            "`input_size` 644x480 must be `image_size` 640x480 resized in proportion",
        ),
        (lambda: FeatureGrid((640,), (640, 480), 14), "`image_size` must be (W, H)"),
        (
            lambda: FeatureGrid((640, 480), (0, 480), 14),
            "`input_size` must be (W, H) in pixels, got (0, 480)",
        ),
        (lambda: FeatureGrid(SIZE, SIZE, 0), "`patch` must be positive, got 0"),
        (
            lambda: grid_pixels(points, K, (64, 64), GRID),
            "`K_size` 64x64 does not show the same view as the image of the features, "
            "64x48",
        ),
        (
            lambda: grid_pixels(points, K, (64, 0), GRID),
            "`K_size` must be (W, H) in pixels, got (64, 0)",
        ),
        (
            lambda: grid_pixels(points[:, :2], K, SIZE, GRID),
            "`points_cam` must have shape (N, 3), got (3072, 2)",
        ),
        (
            lambda: grid_pixels(points, EYE, SIZE, GRID),
            "`K` must have shape (3, 3), got (4, 4)",
        ),
        (
            lambda: project_and_sample(feats.mT, points, K, SIZE, GRID),
            "`feats` must have shape (C, 4, 5), got (2, 5, 4). It was made from",
        ),
        (
            lambda: project_and_sample(
                feats, points, K, SIZE, GRID, depth=torch.ones(64, 48)
            ),
            "`depth` must have shape (48, 64), got (64, 48). Give the depth of the",
        ),
        (
            lambda: sample_grid(feats, points),
            "`pixels` must have shape (N, 2), got (3072, 3)",
        ),
        (
            lambda: sample_grid(feats[0], points[:, :2]),
            "`feats` must have shape (C, h, w), got (4, 5)",
        ),
    ]


@pytest.mark.parametrize(("call", "message"), errors())
def test_errors(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_shares_of_cells_put_a_position_back_together():
    pixels = torch.rand(50, 2, dtype=torch.float64) * torch.tensor([8, 5]) - 0.5
    cells, shares = bilinear_cells(pixels, 8, 5)
    centres = torch.stack([cells % 8, cells // 8], 2).double()
    inside = pixels.clamp(min=0).minimum(torch.tensor([7.0, 4.0]))
    torch.testing.assert_close((centres * shares[..., None]).sum(1), inside)
    torch.testing.assert_close(shares.sum(1), torch.ones(50, dtype=torch.float64))
