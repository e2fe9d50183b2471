"""Training that keeps less: the same numbers to the bit, fewer bytes."""

import pytest
import torch
from torch import nn

from vantage3d.sparse import SparseTensor, get_backend

from . import oracle

engine = get_backend("torch")
CHANNELS = 16


def _layers():
    torch.manual_seed(0)
    norm = engine.BatchNorm(CHANNELS)
    nn.init.normal_(norm.bn.weight)
    nn.init.normal_(norm.bn.bias)
    return norm, engine.ReLU(inplace=True), engine.Conv(CHANNELS, CHANNELS, 3)


def _plain(norm, relu, conv, x):
    return conv(relu(norm(x)))


def _run(chain, repeats=1, **autocast):
    """Output, gradients and running statistics of one step."""
    norm, relu, conv = _layers()
    coordinates = oracle.random_cloud(0)
    generator = torch.Generator().manual_seed(1)
    feats = torch.randn(len(coordinates), CHANNELS, generator=generator)
    feats.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bool(autocast)):
        out = chain(norm, relu, conv, SparseTensor(feats, coordinates)).features
    loss = out.float().square().sum()
    for _ in range(repeats):
        loss.backward(retain_graph=repeats > 1)
    numbers = [out, feats.grad, *(p.grad for p in (*norm.parameters(), conv.kernel))]
    return [x.detach() for x in [*numbers, *norm.buffers()]]


@pytest.mark.parametrize("options", [{}, {"repeats": 3}, {"bfloat16": True}])
def test_equal_to_the_layers_one_by_one_to_the_bit(options):
    for ours, plain in zip(
        _run(engine.norm_relu_conv, **options), _run(_plain, **options), strict=True
    ):
        assert torch.equal(ours, plain)


def _kept_bytes(chain):
    """Bytes that the graph of one step keeps, parameters aside."""
    layers = _layers()
    parameters = {
        p.untyped_storage().data_ptr() for m in layers for p in m.parameters()
    }
    coordinates = oracle.random_cloud(0)
    x = SparseTensor(
        torch.randn(len(coordinates), CHANNELS, requires_grad=True), coordinates
    )
    sizes = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept):
        out = chain(*layers, x)
    assert out.rows.requires_grad
    return sum(sizes.values()), x.rows.untyped_storage().nbytes()


def test_the_rectified_tensor_is_not_kept():
    plain, rows = _kept_bytes(_plain)
    ours, _ = _kept_bytes(engine.norm_relu_conv)
    assert plain - ours == rows


def test_evaluation_uses_the_running_statistics():
    norm, relu, conv = _layers()
    coordinates = oracle.random_cloud(0)
    x = SparseTensor(torch.randn(len(coordinates), CHANNELS), coordinates)
    norm.eval()
    expected = _plain(norm, relu, conv, x)
    assert torch.equal(engine.norm_relu_conv(norm, relu, conv, x).rows, expected.rows)
