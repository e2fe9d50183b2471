"""Descriptors along segments, against the slow way and against known matches."""

import pytest
import torch
from torch.nn.functional import grid_sample, normalize

from vantage3d.deltas.models.interest import CELL
from vantage3d.deltas.models.matching import (
    correlate,
    describe_pixels,
    epipolar_segments,
    expected_position,
    to_cells,
)
from vantage3d.deltas.models.triangulate import TriangulationNet

SIZE = (64, 96)  # H, W
F = 80.0
K = torch.tensor([[F, 0, 47.5], [0, F, 31.5], [0, 0, 1]])


def maps(count: int = 2, channels: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return normalize(
        torch.randn(count, channels, SIZE[0] // 8, SIZE[1] // 8, generator=generator),
        dim=1,
    )


def test_products_of_samples_are_those_of_sampling_first():
    generator = torch.Generator().manual_seed(1)
    queries = torch.randn(2, 7, 12, generator=generator)
    # far outside, across every border and inside
    cells = torch.rand(2, 7, 50, 2, generator=generator) * 18 - 4
    ours, slow = maps().requires_grad_(), maps().requires_grad_()
    extent = torch.tensor([SIZE[1] // 8, SIZE[0] // 8])
    grid = (2 * cells + 1) / extent - 1
    sampled = normalize(grid_sample(slow, grid, align_corners=False), dim=1)
    expected = torch.einsum("mnc,mcns->mns", queries, sampled)
    found = correlate(queries, ours, cells)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert (expected == 0).any()
    assert (expected.abs() > 0.5).any()
    weights = torch.randn(expected.shape, generator=generator)
    for values in (found, expected):
        (values * weights).sum().backward()
    torch.testing.assert_close(ours.grad, slow.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("stride", [8, 4, 2])
def test_cells_are_where_their_pixels_are(stride):
    """The mean of a cell's pixels is its centre."""
    rows, columns = torch.meshgrid(
        torch.arange(64.0), torch.arange(96.0), indexing="ij"
    )
    pixels = torch.stack([columns, rows], -1)
    size = 64 // stride, 96 // stride
    cells = to_cells(pixels, size, legacy=False, stride=stride)
    cells = cells.view(size[0], stride, size[1], stride, 2)
    centres = cells.mean((1, 3))
    assert torch.equal(centres[2, 5], torch.tensor([5.0, 2.0]))
    assert torch.equal(centres[7, 11], torch.tensor([11.0, 7.0]))


@pytest.mark.parametrize(("x", "error"), [(8, -3.94), (159, -1.74), (310, 0.37)])
def test_legacy_cells_are_off_by_the_documented_pixels(x, error):
    pixel = torch.tensor([[float(x), 0.0]])
    legacy, exact = (to_cells(pixel, (30, 40), legacy) for legacy in (True, False))
    assert float((legacy - exact)[0, 0] * CELL) == pytest.approx(error, abs=0.05)


def test_a_pixel_at_a_cells_centre_has_its_descriptor():
    found = describe_pixels(maps(1), torch.tensor([[[19.5, 11.5]]]), False)
    torch.testing.assert_close(found[0, 0], maps(1)[0, :, 1, 2])


def test_expected_position_is_the_mean_of_the_softmax():
    scores = torch.full((3, 5), -1e9)
    scores[1, 4] = scores[2, 0] = 0.0
    assert expected_position(scores).tolist() == [2.0, 1.5]


def network(legacy: bool = False, stride: int = CELL) -> TriangulationNet:
    net = TriangulationNet((0.5, 10.0), 100, 1, legacy, stride=stride).eval()
    with torch.no_grad():
        net.bn_match_convD.weight.fill_(400.0)
    return net


def one_hot_views(shift: int, stride: int = CELL) -> torch.Tensor:
    """(1, 2, C, h, w): every cell has a descriptor of its own, in view 1 ``shift``
    cells to the left."""
    h, w = SIZE[0] // stride, SIZE[1] // stride
    anchor = torch.eye(h * w).view(1, h * w, h, w)
    return torch.stack([anchor, anchor.roll(-shift, -1)], 1)


@pytest.mark.parametrize("stride", [8, 4])
def test_one_hot_descriptors_are_matched_within_half_a_sample(stride):
    """A camera 0.2 m to the right sees points at 1 m 16 pixels further left."""
    ref2cam = torch.eye(4).repeat(1, 2, 1, 1)
    ref2cam[0, 1, 0, 3] = -0.2
    disparity = 16
    depth = F * 0.2 / disparity
    # centres of cells whose whole segment is inside
    rows, columns = torch.meshgrid(
        torch.arange(8, 56, stride), torch.arange(40, 88, stride), indexing="ij"
    )
    pixels = torch.stack([columns, rows], -1).view(1, -1, 2) + (stride - 1) / 2
    Ks = K.repeat(1, 2, 1, 1)
    with torch.no_grad():
        views = one_hot_views(disparity // stride, stride)
        out = network(stride=stride)(views, pixels, Ks, ref2cam, SIZE)
    assert out["range_kp"].all()
    expected = pixels - torch.tensor([disparity, 0.0])
    spacing = F * 0.2 * (1 / 0.5 - 1 / 10) / 99
    error = (out["matches"][:, 0] - expected).norm(dim=-1)
    assert float(error.max()) < spacing / 2
    z = out["points_anchor"][..., 2]
    assert float((z - depth).abs().max()) < depth * spacing / 2 / disparity * 1.1
    assert out["point_valid"].all()
    torch.testing.assert_close(out["confidence"][..., 0], torch.ones_like(z))


@pytest.mark.parametrize("legacy", [False, True])
def test_the_offset_across_the_segment_is_in_pixels(legacy):
    """Upstream returns half of it."""
    net = network(legacy)
    ref2cam = torch.eye(4).repeat(1, 2, 1, 1)
    ref2cam[0, 1, 0, 3] = -0.2
    pixels = torch.tensor([[[60.0, 30.0]]])
    segments = epipolar_segments(
        pixels, K.repeat(1, 2, 1, 1), ref2cam[:, 1:], (0.5, 10.0), SIZE, legacy
    )
    grid = segments.grid(100, 1).view(3, 100, 2)
    scores = torch.full((1, 1, 1, 3, 100), -1e9)
    scores[..., 2, 30] = 0.0
    found = net.match(scores, segments)[0, 0, 0]
    offset = grid[2, 30] - grid[1, 30]
    assert float(offset.norm()) == pytest.approx(1)
    share = 0.5 if legacy else 1.0
    torch.testing.assert_close(found, grid[1, 30] + share * offset)


def test_segments_are_clipped_unless_legacy():
    ref2cam = torch.eye(4).repeat(1, 2, 1, 1)
    ref2cam[0, 1, 0, 3] = -0.2
    pixels = torch.tensor([[[20.0, 30.0], [60.0, 30.0]]])  # the first leaves at x = 0
    arguments = pixels, K.repeat(1, 2, 1, 1), ref2cam[:, 1:], (0.5, 10.0), SIZE
    ours, legacy = (epipolar_segments(*arguments, legacy) for legacy in (False, True))
    assert ours.valid.tolist() == [[[True, True]]]
    assert legacy.valid.tolist() == [[[False, True]]]
    assert ours.ends[0, 0, 0, 1].tolist() == pytest.approx([-0.5, 30])
    assert legacy.ends[0, 0, 0, 1].tolist() == pytest.approx([-12, 30])
    torch.testing.assert_close(ours.ends[0, 0, 1], legacy.ends[0, 0, 1])
    assert ours.grid(5, 1).shape == (1, 1, 2, 15, 2)
    torch.testing.assert_close(ours.grid(5, 1)[0, 0, :, 5:10:4], ours.ends[0, 0])


def test_statistics_in_training_leave_out_what_is_not_seen():
    net = network().train()
    valid = torch.tensor([[[True, False, True]]])
    likeness = torch.randn(1, 1, 3, 3, 100)
    likeness[0, 0, 1] = 1e6
    net._normalise(likeness, valid)
    seen = likeness[valid]
    momentum = net.bn_match_convD.momentum
    expected = momentum * seen.mean()
    torch.testing.assert_close(net.bn_match_convD.running_mean[0], expected)
    nothing = net._normalise(likeness, torch.zeros_like(valid))
    assert torch.equal(nothing, torch.zeros_like(likeness))
    torch.testing.assert_close(net.bn_match_convD.running_mean[0], expected)
