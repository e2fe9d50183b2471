"""Upsampling without the zeros, and sparse maps."""

import pytest
import torch
from torch.nn.functional import conv2d, interpolate

from vantage3d.deltas.models.densify import SpreadConvolution, UpBlock, sparse_depth


def spread(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Values at even rows and columns, zeros elsewhere."""
    y = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    y[..., ::2, ::2] = x
    return y[..., : size[0], : size[1]]


@pytest.mark.parametrize("out_channels", [4, 64])  # more and fewer than the pixels
@pytest.mark.parametrize("size", [(8, 10), (7, 9), (8, 9)])
def test_it_equals_the_convolution_with_zeros(out_channels, size):
    torch.manual_seed(0)
    conv = SpreadConvolution(6, out_channels).double()
    x = torch.randn(2, 6, 4, 5).double().requires_grad_()
    results = []
    for y in (
        conv(x, size),
        conv2d(spread(x, size), conv.weight, padding=2),
    ):
        gradients = torch.autograd.grad(y.square().sum(), (x, conv.weight))
        results.append((y, *gradients))
    for ours, expected in zip(*results):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize(("rows", "repeats"), [(7, True), (8, False)])
def test_only_legacy_depends_on_the_size(rows, repeats):
    """Upstream spreads 4 rows to 8, but repeats them to 7."""
    torch.manual_seed(0)
    ours, legacy = (UpBlock(6, 4, 3, flag).eval() for flag in (False, True))
    legacy.load_state_dict(ours.state_dict())
    x, side = torch.randn(1, 6, 4, 5), torch.randn(1, 3, rows, 10)
    size = (rows, 10)
    expected = ours(x, size, side)
    if not repeats:
        torch.testing.assert_close(legacy(x, size, side), expected)
        return
    assert not torch.allclose(legacy(x, size, side), expected)
    repeated = interpolate(x, size)
    a = legacy.bn1(conv2d(repeated, legacy.conv1.weight, padding=2)).relu()
    b = legacy.bn1_1(legacy.conv1_1(torch.cat([a, side], 1))).relu()
    shortcut = conv2d(repeated, legacy.sc_conv1.weight, padding=2)
    result = (legacy.bn2(legacy.conv2(b)) + legacy.sc_bn1(shortcut)).relu()
    torch.testing.assert_close(legacy(x, size, side), result)


KEYPOINTS = torch.tensor([[[3.0, 1.0], [5.0, 2.0], [3.0, 1.0], [0.0, 0.0]]])
DEPTHS = torch.tensor([[1.5, 2.5, 3.5, float("nan")]])


@pytest.mark.parametrize(
    ("legacy", "valid", "expected"),
    [
        (False, [True, True, True, False], 3.5),
        (False, [True, True, False, False], 1.5),
        (True, [True, True, True, False], 3.5),
        (True, [True, True, False, False], 0.0),  # the invalid one erased it
    ],
)
def test_sparse_map(legacy, valid, expected):
    found = sparse_depth(KEYPOINTS, DEPTHS, torch.tensor([valid]), (4, 6), legacy)
    truth = torch.zeros(1, 1, 4, 6)
    truth[0, 0, 1, 3], truth[0, 0, 2, 5] = expected, 2.5
    assert torch.equal(found, truth)


def test_gradients_of_sparse_maps_reach_the_points_that_count():
    z = DEPTHS.nan_to_num(7.0).requires_grad_()
    valid = torch.tensor([[True, True, True, False]])
    sparse_depth(KEYPOINTS, z, valid, (4, 6), False).sum().backward()
    assert z.grad.tolist() == [[0, 1, 1, 0]]
