"""Indexes, plans and threads below the layers."""

import os
import threading

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vantage3d.sparse import SparseTensor, get_backend, levels, loops, plans
from vantage3d.sparse.index import NOWHERE, GridIndex, SortedIndex

from . import oracle

engine = get_backend("torch")


@pytest.fixture
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("stride", [1, 2])
def test_both_indexes_find_the_same(monkeypatch, stride):
    coordinates = oracle.random_cloud(0, stride=stride)
    level = SparseTensor(torch.zeros(len(coordinates), 1), coordinates, stride).level
    batch = torch.randint(-1, 4, (100,))
    axes = [torch.randint(-12, 12, (3, 100)) for _ in range(3)]
    axes[1][0, :20] = NOWHERE
    grid = level.make_index()
    monkeypatch.setattr(levels, "GRID_CELLS", 0)
    monkeypatch.setattr(levels, "GRID_CELLS_PER_VOXEL", 0)
    search = level.make_index()
    assert isinstance(grid, GridIndex)
    assert isinstance(search, SortedIndex)
    known = (batch >= 0) & (batch < 2)
    found = grid.find(batch, axes)
    assert torch.equal(found[:, known], search.find(batch, axes)[:, known])
    assert (found[:, ~known] == -1).all()
    rows = {tuple(c): i for i, c in enumerate(level.sorted_coordinates.tolist())}
    for query in range(100):
        for offset in range(27):
            z, rest = divmod(offset, 9)
            y, x = divmod(rest, 3)
            at = [int(axes[i][k, query]) * stride for i, k in ((0, x), (1, y), (2, z))]
            row = rows.get((int(batch[query]), *at), -1)
            assert int(found[offset, query]) == row


def _convolve(coordinates, feats, kernel, stride):
    layer = engine.Conv(*kernel.shape[1:], round(len(kernel) ** (1 / 3)), stride=stride)
    layer.kernel = torch.nn.Parameter(kernel.clone())
    feats = feats.clone().requires_grad_()
    out = layer(SparseTensor(feats, coordinates)).features
    out.square().sum().backward()
    return out.detach(), feats.grad, layer.kernel.grad


@pytest.mark.parametrize("threads", [1, 2, 3], indirect=True)
@pytest.mark.parametrize(("size", "stride"), [(3, 1), (2, 2)])
def test_many_small_blocks_change_nothing(monkeypatch, threads, size, stride):
    coordinates = oracle.random_cloud(1, count=400)
    feats = torch.randn(len(coordinates), 9, dtype=torch.float64)
    kernel = torch.randn(size**3, 9, 5, dtype=torch.float64)
    torch.set_num_threads(1)
    expected = _convolve(coordinates, feats, kernel, stride)
    torch.set_num_threads(threads)
    monkeypatch.setattr(plans, "PAIRS_PER_BLOCK", 60)
    monkeypatch.setattr(plans, "PAIRS_PER_THREAD", 10)
    monkeypatch.setattr(plans, "LOOKUPS", 40 * size**3)
    got = _convolve(coordinates, feats, kernel, stride)
    for ours, want in zip(got, expected):
        torch.testing.assert_close(ours, want)


@pytest.mark.bitwise
@pytest.mark.parametrize("threads", [3], indirect=True)
def test_same_bits_every_time(threads):
    coordinates = oracle.random_cloud(2, count=3000, extent=12)
    feats = torch.randn(len(coordinates), 16)
    kernel = torch.randn(27, 16, 16)
    first = _convolve(coordinates, feats, kernel, 1)
    for _ in range(5):
        again = _convolve(coordinates, feats, kernel, 1)
        assert all(torch.equal(a, b) for a, b in zip(first, again))


@pytest.mark.parametrize("threads", [2, 5], indirect=True)
@pytest.mark.parametrize("count", [3, 500])
def test_threads_of_torch_are_left_as_they_were(monkeypatch, threads, count):
    monkeypatch.setattr(plans, "PAIRS_PER_THREAD", 1)
    coordinates = oracle.random_cloud(3, count=count)
    _convolve(coordinates, torch.randn(len(coordinates), 9), torch.randn(27, 9, 9), 1)
    assert torch.get_num_threads() == threads
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [threads]


@pytest.mark.bitwise
@pytest.mark.parametrize("threads", [2], indirect=True)
def test_works_after_a_fork(threads):
    coordinates = oracle.random_cloud(4, count=2000, extent=10)
    x = torch.randn(len(coordinates), 9), coordinates
    layer = engine.Conv(9, 9, 3)
    with torch.no_grad():
        expected = layer(SparseTensor(*x)).features
    assert len(loops._pools) == 1
    child = os.fork()
    if child == 0:
        os._exit(len(loops._pools))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with torch.no_grad():
        assert torch.equal(layer(SparseTensor(*x)).features, expected)


def _chain():
    torch.manual_seed(0)
    layers = (
        engine.Conv(9, 16, 3),
        engine.BatchNorm(16, inplace=True),
        engine.ReLU(inplace=True),
        engine.Conv(16, 16, 3),
        engine.Conv(16, 24, 2, stride=2),
        engine.ConvTranspose(24, 16, 2, stride=2),
    )
    first, norm, relu, second, down, up = layers

    def forward(x):
        hidden = engine.norm_relu_conv(norm, relu, second, first(x))
        return engine.cat(up(down(hidden), hidden), hidden).features

    return torch.nn.ModuleList(layers), forward


def _answer(mode, x):
    """What a chain says of ``x``, and its gradients in training."""
    layers, forward = _chain()
    layers.train(mode == "training")
    if mode == "training":
        forward(x).square().mean().backward()
        return [parameter.grad for parameter in layers.parameters()]
    modes = {
        "no_grad": torch.no_grad(),
        "inference_mode": torch.inference_mode(),
        "autocast": torch.autocast("cpu", torch.bfloat16),
    }
    with modes[mode]:
        return [forward(x).detach().clone()]


@pytest.mark.parametrize("threads", [1, 2, 4], indirect=True)
def test_every_mode_gives_the_same_with_any_threads(monkeypatch, threads):
    monkeypatch.setattr(plans, "PAIRS_PER_THREAD", 10)
    monkeypatch.setattr(plans, "PAIRS_PER_BLOCK", 50)
    monkeypatch.setattr(plans, "PAIRS_PER_BLOCK_HALF", 100)
    coordinates = oracle.random_cloud(6, count=400)
    feats = torch.randn(len(coordinates), 9)
    shared = SparseTensor(feats, coordinates)  # its maps outlive the mode
    for mode in ("inference_mode", "no_grad", "autocast", "training"):
        torch.set_num_threads(1)
        expected = _answer(mode, SparseTensor(feats, coordinates))
        torch.set_num_threads(threads)
        for x in (SparseTensor(feats, coordinates), shared):
            for ours, want in zip(_answer(mode, x), expected, strict=True):
                torch.testing.assert_close(ours, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("threads", [1], indirect=True)
def test_products_of_half_precision_have_few_sizes(monkeypatch, threads):
    monkeypatch.setattr(plans, "PAIRS_PER_THREAD", 10)
    coordinates = oracle.random_cloud(7, count=400)
    x = SparseTensor(torch.randn(len(coordinates), 9).bfloat16(), coordinates)
    layer = engine.Conv(9, 16, 3).bfloat16()
    sizes = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func is torch.ops.aten.mm.out:
                sizes.append(len(args[0]))
            return func(*args, **(kwargs or {}))

    monkeypatch.setattr(loops, "multiply", loops._multiply)
    with torch.no_grad(), Watch():
        expected = layer(x).features
        for buffer in x.family.scratch._buffers.values():
            buffer.fill_(torch.nan)  # what a product has too much is used nowhere
        assert torch.equal(layer(x).features, expected)
    assert len(sizes) > 50
    assert all(size % plans.SLACK == 0 for size in sizes)


def test_blocks_cover_every_pair_once():
    coordinates = oracle.random_cloud(4, count=300)
    level = SparseTensor(torch.zeros(len(coordinates), 1), coordinates).level
    plan = plans.build_plan(level, level, plans.KernelShape(3))
    at = level.sorted_coordinates
    pairs = {
        (block.active[i], source, target)
        for block in plan.blocks
        for i, (sources, targets) in enumerate(
            zip(block.gather.split(block.sizes), block.targets.split(block.sizes))
        )
        for source, target in zip(sources.tolist(), targets.tolist())
    }
    table = oracle.neighbours(at, at, 3, 1)
    assert pairs == {(v, q, p) for p, found in enumerate(table) for v, q in found}


@pytest.mark.gpu
def test_cuda_gives_what_the_cpu_gives():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    coordinates = oracle.random_cloud(5, count=500)
    feats, kernel = torch.randn(len(coordinates), 16), torch.randn(27, 16, 8)
    here = _convolve(coordinates, feats, kernel, 1)
    there = _convolve(coordinates.cuda(), feats.cuda(), kernel.cuda(), 1)
    for ours, want in zip(there, here):
        torch.testing.assert_close(ours.cpu(), want, rtol=1e-4, atol=1e-4)
