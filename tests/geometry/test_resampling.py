"""Samples and sizes against torch's own operations, values and gradients."""

import pytest
import torch
from torch.nn.functional import grid_sample, interpolate
from torch.testing import assert_close

from vantage3d.geometry import bilinear_cells, resize_bicubic, sample_maps

SIZE = (5, 7)  # h, w


def scattered(dtype=torch.float32, count: int = 60):
    """Two maps, and positions within and around them."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 3, *SIZE, generator=generator, dtype=dtype)
    pixels = torch.rand(2, count, 2, generator=generator, dtype=dtype)
    return maps, pixels * 12 - 3


def torchs(maps, pixels, outside):
    """The same by ``grid_sample``."""
    grid = 2 * pixels / pixels.new_tensor([SIZE[1] - 1, SIZE[0] - 1]) - 1
    found = grid_sample(maps, grid[:, None], padding_mode=outside, align_corners=True)
    return found[:, :, 0].mT


def test_samples_of_a_ramp():
    ramp = torch.arange(96.0).view(1, 1, 8, 12)
    pixels = torch.tensor([[[3.0, 2.0], [3.5, 2.0], [3.0, 2.5], [40.0, 2.0]]])
    assert sample_maps(ramp, pixels)[0, :, 0].tolist() == [27, 27.5, 33, 35]


@pytest.mark.parametrize("outside", ["border", "zeros"])
def test_samples_and_gradients_are_those_of_grid_sample(outside):
    maps, pixels = scattered(torch.float64)
    gradients = []
    for sample in (sample_maps, torchs):
        leaves = maps.clone().requires_grad_(), pixels.clone().requires_grad_()
        found = sample(*leaves, outside)
        weights = torch.arange(found.numel(), dtype=torch.float64).view_as(found)
        (found * weights.sin()).sum().backward()
        gradients.append([found, *(leaf.grad for leaf in leaves)])
    assert_close(*gradients)
    assert gradients[0][2].abs().max() > 0


@pytest.mark.parametrize("outside", ["border", "zeros"])
def test_gradcheck_of_samples(outside):
    maps, pixels = scattered(torch.float64, 8)
    maps.requires_grad_(), pixels.requires_grad_()
    assert torch.autograd.gradcheck(lambda *x: sample_maps(*x, outside), (maps, pixels))


def test_positions_of_any_shape():
    maps, pixels = scattered()
    found = sample_maps(maps, pixels.view(2, 3, 20, 2))
    assert_close(found, torchs(maps, pixels, "border").view(2, 3, 20, 3))


def test_no_maps_have_no_samples():
    maps, pixels = scattered()
    leaf = pixels[:0].clone().requires_grad_()
    found = sample_maps(maps[:0], leaf)
    found.sum().backward()
    assert found.shape == (0, 60, 3) and leaf.grad.shape == (0, 60, 2)


def test_far_and_unknown_positions():
    maps, _ = scattered()
    pixels = torch.tensor([[1e30, -1e30], [float("inf"), 0], [float("nan"), 2]])
    found = sample_maps(maps, pixels.expand(2, 3, 2))
    assert_close(found[:, 0], maps[:, :, 0, -1])
    assert_close(found[:, 1], maps[:, :, 0, -1])
    assert found[:, 2].isnan().all()
    assert (sample_maps(maps, pixels[:2].expand(2, 2, 2), "zeros") == 0).all()


def test_another_outside_is_refused():
    with pytest.raises(ValueError, match=r"`outside` must be one of .*got 'mirror'"):
        bilinear_cells(torch.zeros(1, 2), 4, 4, "mirror")


SIZES = {
    "smaller": dict(size=(3, 4), antialias=True),
    "larger": dict(size=(9, 8), antialias=True),
    "one side": dict(size=(5, 11)),
    "by a factor": dict(scale_factor=(1.22, 0.74)),
}


@pytest.mark.parametrize("name", SIZES)
def test_bicubic_sizes_and_gradients_are_those_of_interpolate(name):
    maps = scattered(torch.float64)[0]
    gradients = []
    for resize in (resize_bicubic, lambda x, **o: interpolate(x, mode="bicubic", **o)):
        leaf = maps.clone().requires_grad_()
        found = resize(leaf, **SIZES[name])
        (found * torch.arange(found.shape[-1]).sin()).sum().backward()
        gradients.append((found.detach(), leaf.grad))
    assert torch.equal(gradients[0][0], gradients[1][0])
    assert_close(gradients[0][1], gradients[1][1])


def test_gradcheck_of_bicubic():
    maps = scattered(torch.float64)[0].requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: resize_bicubic(x, (3, 9), antialias=True), (maps,)
    )
