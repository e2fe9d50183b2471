"""Both engines compute the same on random clouds: values and gradients."""

import numpy as np
import pytest
import torch

from projects.common.sparse import get_backend

pytestmark = pytest.mark.minkowski
try:
    get_backend("minkowski")
except ImportError as error:
    pytest.skip(str(error), allow_module_level=True)

FORWARD, GRADIENT = 1e-5, 1e-4
KINDS = ("stride 1", "dilated", "stride 2", "up again", "max pool", "average pool")


def random_cloud(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Unique voxels of two samples, negative coordinates included, in random order."""
    rng = np.random.default_rng(seed)
    extent = int(rng.integers(2, 30))
    size = (int(rng.integers(5, 600)), 3)
    cells = np.concatenate(
        [
            np.column_stack(
                [np.full(size[0], batch), rng.integers(-extent, extent, size)]
            )
            for batch in range(2)
        ]
    )
    cells = rng.permutation(np.unique(cells, axis=0)).astype(np.int32)
    features = rng.standard_normal((len(cells), 6)).astype(np.float32)
    return torch.from_numpy(features), torch.from_numpy(cells)


def layers_of(engine, kind: str, rng: np.random.Generator) -> list:
    kernel = int(rng.choice([1, 2, 3, 5]))
    if kind == "stride 1":
        return [engine.Conv(6, 5, kernel)]
    if kind == "dilated":
        return [engine.Conv(6, 5, 3, dilation=int(rng.integers(2, 4)))]
    if kind == "stride 2":
        return [engine.Conv(6, 5, int(rng.choice([2, 3, 5])), stride=2)]
    if kind == "up again":
        return [engine.Conv(6, 7, 2, stride=2), engine.ConvTranspose(7, 5, 2, stride=2)]
    pool = engine.MaxPool if kind == "max pool" else engine.AvgPool
    return [pool(int(rng.choice([2, 3])), stride=2)]


def run(name: str, kind: str, seed: int):
    """Sorted output rows, gradients of the features and of every kernel."""
    engine = get_backend(name)
    features, cells = random_cloud(seed)
    features.requires_grad_()
    layers = layers_of(engine, kind, np.random.default_rng(seed))
    generator = torch.Generator().manual_seed(seed)
    for layer in layers:
        for parameter in layer.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)
    x = engine.tensor(features, cells)
    out = layers[0](x)
    if len(layers) == 2:
        out = layers[1](out, x)
    order = np.lexsort(out.coordinates.numpy().T[::-1])
    rows = out.features[torch.from_numpy(order)]
    weights = torch.randn(rows.shape, generator=generator)
    (rows * weights).sum().backward()
    gradients = [parameter.grad for layer in layers for parameter in layer.parameters()]
    return out.coordinates[order], rows.detach(), [features.grad, *gradients]


def relative(ours: torch.Tensor, reference: torch.Tensor) -> float:
    scale = reference.abs().max().clamp_min(1e-12)
    return float((ours - reference).abs().max() / scale)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", range(0, 100, 20))
def test_random_clouds(kind, first):
    for seed in range(first, first + 20):
        cells, rows, gradients = run("torch", kind, seed)
        cells_me, rows_me, gradients_me = run("minkowski", kind, seed)
        assert torch.equal(cells.int(), cells_me.int()), seed
        assert relative(rows, rows_me) <= FORWARD, seed
        for ours, reference in zip(gradients, gradients_me, strict=True):
            assert relative(ours, reference) <= GRADIENT, seed
