"""Pooling, interpolation, norms, low precision, errors, and a chain kept small."""

import pytest
import torch
from torch import nn

from vantage3d.sparse import SparseTensor, get_backend

from . import oracle

engine = get_backend("torch")


def _cloud(seed=0, channels=4, dtype=torch.float64):
    coordinates = oracle.random_cloud(seed)
    return torch.randn(len(coordinates), channels, dtype=dtype), coordinates


@pytest.mark.parametrize(
    ("size", "stride", "dilation"), [(2, 2, 1), (3, 2, 1), (3, 1, 2), (3, 3, 1)]
)
@pytest.mark.parametrize("kind", ["max", "mean"])
def test_pooling_follows_the_definition(kind, size, stride, dilation):
    feats, coordinates = _cloud()
    layer = {"max": engine.MaxPool, "mean": engine.AvgPool}[kind](
        size, stride, dilation
    )
    ours = feats.clone().requires_grad_()
    out = layer(SparseTensor(ours, coordinates))
    theirs = feats.clone().requires_grad_()
    table = oracle.neighbours(
        coordinates, out.coordinates, size, dilation, corner=size == stride
    )
    rows = []
    for found in table:
        members = theirs[[row for _, row in found]]
        rows.append(members.amax(0) if kind == "max" else members.mean(0))
    expected = torch.stack(rows)
    torch.testing.assert_close(out.features, expected)
    weights = torch.randn_like(expected)
    (out.features * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_pooling_and_interpolation_in_bfloat16():
    feats, coordinates = _cloud(dtype=torch.bfloat16)
    feats.requires_grad_()
    x = SparseTensor(feats, coordinates)
    points = coordinates[:5].float() + 0.25
    points[:, 0] = coordinates[:5, 0]
    total = engine.MaxPool(2, 2)(x).features.sum()
    total = total + engine.AvgPool(2, 2)(x).features.sum()
    total = total + engine.interpolate(x, points).sum()
    total.backward()
    assert total.dtype == feats.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("layer", [engine.MaxPool(1, 2), engine.AvgPool(1, 2)])
def test_pooling_over_nothing_is_zero(layer):
    x = SparseTensor(torch.ones(1, 2), torch.tensor([[0, 1, 0, 0]]))
    assert layer(x).features.tolist() == [[0, 0]]


@pytest.mark.parametrize("stride", [1, 2])
def test_interpolation_is_exact_for_a_linear_function(stride):
    axis = torch.arange(-3, 4) * stride
    xyz = torch.cartesian_prod(axis, axis, axis)
    coordinates = torch.nn.functional.pad(xyz, (1, 0))
    slope = torch.tensor([[0.5, -2.0], [1.0, 3.0], [0.25, 1.0]], dtype=torch.float64)
    feats = (xyz.double() @ slope).requires_grad_()
    x = SparseTensor(feats, coordinates, stride=stride)
    points = torch.rand(50, 4, dtype=torch.float64) * 6 * stride - 3 * stride
    points[:, 0] = 0
    values = engine.interpolate(x, points)
    torch.testing.assert_close(values, points[:, 1:] @ slope)
    values.sum().backward()
    assert float(feats.grad.sum()) == pytest.approx(2 * len(points))


def test_interpolation_counts_missing_corners_as_zero():
    x = SparseTensor(torch.ones(1, 1), torch.tensor([[1, 0, 0, 0]]))
    points = torch.tensor([[1, 0.25, 0, 0.5], [0, 0.0, 0, 0], [1, -0.5, 0, 0]])
    assert engine.interpolate(x, points).tolist() == [[0.375], [0.0], [0.5]]


def test_norm_is_batch_norm_over_voxels():
    feats, coordinates = _cloud(dtype=torch.float32)
    layer = engine.BatchNorm(4, momentum=0.02)
    assert sorted(layer.state_dict())[0] == "bn.bias"
    torch.testing.assert_close(
        layer(SparseTensor(feats, coordinates)).features,
        torch.nn.BatchNorm1d(4)(feats),
    )
    assert layer.bn.momentum == 0.02


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_norm_in_place_is_the_same_norm_and_only_without_gradients(dtype):
    feats, coordinates = _cloud(dtype=torch.float32)
    feats = feats.to(dtype)
    layer = engine.BatchNorm(4, inplace=True)
    with torch.no_grad():
        for values in layer.bn.state_dict().values():
            values.copy_(torch.rand(values.shape) + 0.5)
    layer.eval()
    expected = layer.bn(feats)
    x = SparseTensor(feats.clone(), coordinates)
    rows = x.rows.clone()
    layer(x)
    assert torch.equal(x.rows, rows)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    assert out.rows.data_ptr() == x.rows.data_ptr()
    torch.testing.assert_close(out.features, expected)
    torch.testing.assert_close(x.features, expected)
    layer.train()
    with torch.no_grad():
        assert layer(x).rows.data_ptr() != x.rows.data_ptr()


@pytest.mark.parametrize("channels", [3, 16])
def test_bfloat16_under_autocast(channels):
    feats, coordinates = _cloud(channels=channels, dtype=torch.float32)
    feats.requires_grad_()
    conv, norm = engine.Conv(channels, 16, 3), engine.BatchNorm(16)
    down, relu = engine.Conv(16, 8, 2, stride=2), engine.ReLU()
    up = engine.ConvTranspose(8, 8, 2, stride=2)

    def net():
        x = SparseTensor(feats, coordinates)
        return up(down(relu(norm(conv(x)))), x).features

    exact = net()
    with torch.autocast("cpu", torch.bfloat16):
        rough = net()
    assert rough.dtype == torch.bfloat16
    assert float((rough - exact).detach().abs().max() / exact.abs().max()) < 0.05
    rough.float().square().sum().backward()
    assert conv.kernel.grad.dtype == torch.float32
    assert torch.isfinite(feats.grad).all()


def test_numerical_gradients():
    feats, coordinates = _cloud(channels=9)
    layer = engine.Conv(9, 2, 3).double()

    def run(rows, kernel):
        x = SparseTensor(rows, coordinates)
        return torch.func.functional_call(layer, {"kernel": kernel}, (x,)).features

    feats, coordinates = feats[:8].requires_grad_(), coordinates[:8]
    kernel = layer.kernel.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(run, (feats, kernel), fast_mode=True)


class TestErrors:
    x = SparseTensor(torch.zeros(1, 3), torch.zeros(1, 4, dtype=torch.int32))

    def test_channels(self):
        with pytest.raises(ValueError, match="made for 4 input channels, got 3"):
            engine.Conv(4, 4, 3)(self.x)
        with pytest.raises(ValueError, match="made for 4 input channels, got 3"):
            engine.ConvTranspose(4, 4, 2, stride=2)(self.x, self.x)

    def test_sizes(self):
        with pytest.raises(ValueError, match=r"`kernel_size` must be .* got 0"):
            engine.Conv(3, 3, 0)
        with pytest.raises(ValueError, match=r"`stride` must be .* got -1"):
            engine.ConvTranspose(3, 3, 2, stride=-1)
        with pytest.raises(ValueError, match=r"`dilation` must be .* got 1\.5"):
            engine.MaxPool(3, 1, 1.5)

    def test_reach(self):
        with pytest.raises(ValueError, match="size 3 with dilation 100"):
            engine.Conv(3, 3, 3, dilation=100)(self.x)

    def test_transposed_onto_the_wrong_stride(self):
        with pytest.raises(ValueError, match=r"needs a target of stride 0\.5, got 1"):
            engine.ConvTranspose(3, 3, 2, stride=2)(self.x, self.x)

    def test_interpolation_points(self):
        with pytest.raises(ValueError, match=r"\(M, 4\).* got \(5, 3\) torch.float32"):
            engine.interpolate(self.x, torch.zeros(5, 3))
        with pytest.raises(ValueError, match=r"got \(5, 4\) torch.int64"):
            engine.interpolate(self.x, torch.zeros(5, 4, dtype=torch.int64))


def test_kernel_gradients_of_bfloat16_are_summed_in_single_precision():
    channels = 16
    generator = torch.Generator().manual_seed(0)
    cells = torch.unique(torch.randint(-20, 20, (60000, 3), generator=generator), dim=0)
    coordinates = torch.cat([torch.zeros(len(cells), 1, dtype=torch.int64), cells], 1)
    feats = torch.rand(len(cells), channels, generator=generator).bfloat16()
    layer = engine.Conv(channels, 8, 3).bfloat16()
    layer(SparseTensor(feats, coordinates)).features.sum().backward()
    exact = engine.Conv(channels, 8, 3).double()
    exact(SparseTensor(feats.double(), coordinates)).features.sum().backward()
    # Sums of some ten thousand positive terms: summed in bfloat16 they are
    # off by 5 %.
    torch.testing.assert_close(
        layer.kernel.grad.double(), exact.kernel.grad, rtol=2**-7, atol=0
    )


def test_features_after_a_change_in_place_are_the_changed_ones():
    feats, coordinates = _cloud()
    shuffled = torch.randperm(len(feats), generator=torch.Generator().manual_seed(1))
    x = SparseTensor(feats[shuffled], coordinates[shuffled])
    before = x.features.clone()
    engine.ReLU(inplace=True)(x)
    torch.testing.assert_close(x.features, before.clamp(min=0))
    y = x.replace(before)
    y += x
    torch.testing.assert_close(y.features, before + before.clamp(min=0))


CHANNELS = 16  # of a chain of norm, rectifier and convolution


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


@pytest.mark.bitwise
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


@pytest.mark.bitwise
def test_evaluation_uses_the_running_statistics():
    norm, relu, conv = _layers()
    coordinates = oracle.random_cloud(0)
    x = SparseTensor(torch.randn(len(coordinates), CHANNELS), coordinates)
    norm.eval()
    expected = _plain(norm, relu, conv, x)
    assert torch.equal(engine.norm_relu_conv(norm, relu, conv, x).rows, expected.rows)
