"""Correlation of points with maps against loops over pixels."""

import math

import pytest
import torch
from torch.testing import assert_close

from vantage3d.vggt_lora.models.track_head import (
    correlate,
    feature_pyramid,
    motion_code,
    position_grid,
    sample_at,
)


def slow_sample(grid, x, y):
    """Bilinear value of an (h, w) map at (x, y), zero outside."""
    h, w = grid.shape
    total = 0.0
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < h and 0 <= column < w:
                share = (1 - abs(x - column)) * (1 - abs(y - row))
                total += share * float(grid[row, column])
    return total


def test_samples_are_bilinear_and_zero_outside():
    grid = torch.randn(1, 1, 4, 6)
    pixels = torch.tensor([[[0.0, 0.0], [5.0, 3.0], [2.3, 1.6], [-0.4, 2.0], [9.0, 9]]])
    expected = [slow_sample(grid[0, 0], *xy) for xy in pixels[0].tolist()]
    got = sample_at(grid, pixels)
    assert_close(got[0, :, 0], torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_correlation_is_the_product_volume_sampled():
    torch.manual_seed(0)
    maps, feats = torch.randn(1, 2, 3, 8, 12), torch.randn(1, 2, 2, 3)
    coords = torch.tensor([[[[3.2, 4.1], [10.5, 0.2]], [[6.0, 7.0], [1.4, 2.9]]]])
    got = correlate(feature_pyramid(maps, 2), coords, feats, radius=1)
    assert got.shape == (1, 2, 2, 2 * 9)
    for frame in range(2):
        for point in range(2):
            volume = torch.einsum("chw,c->hw", maps[0, frame], feats[0, frame, point])
            expected = []
            for level in range(2):
                x, y = (coords[0, frame, point] / 2**level).tolist()
                for first in (-1, 0, 1):  # x changes slowest
                    for second in (-1, 0, 1):
                        value = slow_sample(volume, x + first, y + second)
                        expected.append(value / math.sqrt(3))
                volume = volume.view(4, 2, 6, 2).mean((1, 3)) if level == 0 else volume
            assert_close(
                got[0, frame, point], torch.tensor(expected), atol=1e-5, rtol=1e-4
            )


def test_maps_too_small_for_the_pyramid():
    with pytest.raises(ValueError, match=r"at least 64 pixels.*got 50 x 70"):
        feature_pyramid(torch.zeros(1, 1, 2, 50, 70), 7)


def test_codes_of_motion_and_position():
    code = motion_code(torch.tensor([0.25, -1.5]), 4)
    expected = []
    for value in (0.25, -1.5):
        for step in (0, 2 * 1000 / 4):
            expected += [math.sin(value * step), math.cos(value * step)]
    assert_close(code, torch.tensor(expected), atol=1e-5, rtol=1e-5)

    grid = position_grid(8, (3, 4), torch.zeros(1))
    for y in range(3):
        for x in range(4):
            expected = []
            for value in (x, y):
                expected += [math.sin(value), math.sin(value / 100)]
                expected += [math.cos(value), math.cos(value / 100)]
            assert_close(grid[0, :, y, x], torch.tensor(expected), atol=1e-6, rtol=0)
