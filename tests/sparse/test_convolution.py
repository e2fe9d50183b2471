"""The torch engine's convolutions against the definition."""

import pytest
import torch

from vantage3d.sparse import SparseTensor, get_backend

from . import oracle

torch_engine = get_backend("torch")


def _input(seed: int, channels: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    coordinates = oracle.random_cloud(seed)
    g = torch.Generator().manual_seed(seed)
    feats = torch.randn(len(coordinates), channels, generator=g, dtype=torch.float64)
    return feats, coordinates


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_forward_and_gradients_follow_the_definition(size, stride, dilation):
    feats, coordinates = _input(size + 10 * stride)
    layer = torch_engine.Conv(3, 4, size, stride=stride, dilation=dilation).double()
    ours = feats.clone().requires_grad_()
    out = layer(SparseTensor(ours, coordinates))
    theirs = feats.clone().requires_grad_()
    kernel = layer.kernel.detach().clone().requires_grad_()
    cube = kernel if kernel.ndim == 3 else kernel[None]
    expected = oracle.convolve(
        theirs, coordinates, out.coordinates, cube, size, dilation
    )
    torch.testing.assert_close(out.features, expected)
    assert out.stride == stride
    weights = torch.randn_like(expected)
    (out.features * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(layer.kernel.grad, kernel.grad)


@pytest.mark.parametrize("stride", [2, 4])
def test_strided_coordinates_round_down_and_are_sorted(stride):
    feats, coordinates = _input(0)
    x = SparseTensor(feats, coordinates)
    for _ in range(stride // 2):
        x = torch_engine.Conv(3, 3, 2, stride=2).double()(x)
    rows = [tuple(row) for row in x.coordinates.tolist()]
    assert set(rows) == oracle.strided(coordinates, stride)
    assert len(rows) == len(set(rows))

    def along_the_curve(row):
        at = [c // stride + 1000 * 1024 for c in row[1:]]
        bits = [
            at[axis] >> bit & 1 for bit in reversed(range(21)) for axis in (2, 1, 0)
        ]
        return row[0], bits

    assert rows == sorted(rows, key=along_the_curve)


@pytest.mark.parametrize(("size", "stride"), [(1, 1), (2, 2), (3, 2), (3, 1)])
def test_transposed_follows_the_definition(size, stride):
    feats, coordinates = _input(5)
    fine = SparseTensor(feats, coordinates)
    down = torch_engine.Conv(3, 5, 2 if stride == 2 else 3, stride=stride).double()
    coarse = down(fine)
    layer = torch_engine.ConvTranspose(5, 4, size, stride=stride).double()
    ours = coarse.features.detach().clone().requires_grad_()
    out = layer(coarse.replace(ours), fine)
    theirs = ours.detach().clone().requires_grad_()
    kernel = layer.kernel.detach().clone().requires_grad_()
    cube = kernel if kernel.ndim == 3 else kernel[None]
    expected = oracle.transpose(
        theirs, coarse.coordinates, coordinates, cube, size, fine.stride
    )
    assert torch.equal(out.coordinates, coordinates)
    torch.testing.assert_close(out.features, expected)
    weights = torch.randn_like(expected)
    (out.features * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(layer.kernel.grad, kernel.grad)
