"""Both engines compute the same, on random clouds of many kinds."""

import warnings
from itertools import product

import pytest
import torch

from vantage3d.sparse import get_backend

from . import oracle

pytestmark = pytest.mark.minkowski
pytest.importorskip("MinkowskiEngineBackend", reason="needs `make minkowski`")

FORWARD, GRADIENT = 1e-5, 1e-4  # largest error / largest value
KINDS = [
    ("conv", size, stride, dilation)
    for size, stride, dilation in product((1, 2, 3, 5), (1, 2), (1, 2))
]
KINDS += [("transpose", size, stride, 1) for size in (1, 2, 3) for stride in (1, 2)]
KINDS += [(kind, size, stride, 1) for kind in ("max", "mean") for size, stride in
          ((2, 2), (3, 2), (3, 1), (5, 1), (2, 1))]  # fmt: skip
CASES = [(seed, *KINDS[seed % len(KINDS)]) for seed in range(100)]


def _rows(out, like=None):
    """Features, in the order of ``like``'s coordinates."""
    if like is None:
        return out.features
    place = {tuple(row): i for i, row in enumerate(out.coordinates.tolist())}
    assert place.keys() == {tuple(row) for row in like.coordinates.tolist()}
    return out.features[[place[tuple(row)] for row in like.coordinates.tolist()]]


def _run(engine, case, coordinates, feats, kernel, like=None, weights=None):
    """Output, and gradients of features and kernel (if it has one)."""
    _, kind, size, stride, dilation = case
    feats = feats.clone().requires_grad_()
    x = engine.tensor(feats, coordinates)
    if kind == "conv":
        layer = engine.Conv(4, 6, size, stride=stride, dilation=dilation)
    elif kind == "transpose":
        layer = engine.ConvTranspose(4, 6, size, stride=stride)
    else:
        layer = {"max": engine.MaxPool, "mean": engine.AvgPool}[kind](size, stride)
    if kernel is not None:
        with torch.no_grad():
            layer.kernel.copy_(kernel)
    if kind == "transpose":
        below = engine.AvgPool(stride, stride)(x) if stride > 1 else x
        out = layer(below, x)
    else:
        out = layer(x)
    rows = _rows(out, like)
    weights = torch.randn(rows.shape) if weights is None else weights
    (rows * weights).sum().backward()
    grads = [feats.grad]
    if kernel is not None:
        grads.append(layer.kernel.grad)
    return out, rows.detach(), grads, weights


def _close(ours, theirs, tolerance):
    scale = max(float(theirs.abs().max()), 1e-3)
    assert float((ours - theirs).abs().max()) <= tolerance * scale


@pytest.mark.parametrize("case", CASES, ids=lambda c: "-".join(map(str, c)))
def test_same_results_and_gradients(case):
    warnings.simplefilter("ignore")
    seed, kind, size, stride, _ = case
    torch.manual_seed(seed)
    coordinates = oracle.random_cloud(
        seed, count=30 + 7 * seed, extent=3 + seed % 9, batches=1 + seed % 3
    )
    feats = torch.randn(len(coordinates), 4)
    kernel = None
    if kind in ("conv", "transpose"):
        shape = (4, 6) if size == stride == 1 else (size**3, 4, 6)
        kernel = torch.randn(shape) / size
    args = case, coordinates, feats, kernel
    ours, rows, grads, weights = _run(get_backend("torch"), *args)
    _, other, expected, _ = _run(get_backend("minkowski"), *args, ours, weights)
    _close(rows, other, FORWARD)
    for grad, want in zip(grads, expected):
        _close(grad, want, GRADIENT)


@pytest.mark.parametrize("seed", range(4))
def test_same_interpolation(seed):
    coordinates = oracle.random_cloud(seed, count=200)
    feats = torch.randn(len(coordinates), 4)
    points = torch.rand(100, 4) * 20 - 10
    points[:, 0] = torch.randint(0, 2, (100,))
    values = []
    for name in ("torch", "minkowski"):
        engine = get_backend(name)
        x = engine.AvgPool(2, 2)(engine.tensor(feats, coordinates))
        values.append(engine.interpolate(x, points))
    _close(*values, FORWARD)


def test_same_initial_range_and_state_names():
    for make in (
        lambda engine: engine.Conv(8, 32, 3),
        lambda engine: engine.ConvTranspose(32, 8, 2, stride=2),
        lambda engine: engine.Conv(64, 32, 1),
        lambda engine: engine.Conv(64, 32, 1, stride=2),
        lambda engine: engine.BatchNorm(8),
    ):
        ours, theirs = (
            make(get_backend(n)).state_dict() for n in ("torch", "minkowski")
        )
        assert {k: v.shape for k, v in ours.items()} == {
            k: v.shape for k, v in theirs.items()
        }
        for name, value in ours.items():
            if name == "kernel":
                assert float(value.abs().max()) == pytest.approx(
                    float(theirs[name].abs().max()), rel=0.05
                )


def test_rows_keep_the_order_given_and_tensors_add_and_concatenate():
    coordinates = oracle.random_cloud(1)
    feats = torch.randn(len(coordinates), 2)
    engine = get_backend("minkowski")
    x = engine.tensor(feats, coordinates)
    assert torch.equal(x.features, feats)
    assert torch.equal(x.coordinates, coordinates)
    assert x.stride == 1
    double = engine.ReLU()(x.replace(2 * feats))
    assert torch.equal(double.features, (2 * feats).relu())
    torch.testing.assert_close((x + x).features, 2 * feats)
    joined = engine.cat(x, double)
    assert torch.equal(joined.features, torch.cat([feats, (2 * feats).relu()], 1))
    total = x.replace(feats.clone())
    total += x
    torch.testing.assert_close(total.features, 2 * feats)


def test_repeated_coordinates_are_an_error():
    twice = torch.zeros(2, 4, dtype=torch.int32)
    with pytest.raises(ValueError, match="must be unique, got 1 repeats"):
        get_backend("minkowski").tensor(torch.zeros(2, 1), twice)
