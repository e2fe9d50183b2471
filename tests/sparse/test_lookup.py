"""Looking up voxels of one tensor in another, against dictionaries."""

import pytest
import torch

from vantage3d.sparse import (
    SparseTensor,
    features_at,
    get_backend,
    maximum,
    part_of,
    rows_at,
)
from vantage3d.sparse.index import LIMIT

from . import oracle

FAR = 100_000  # steps of the lattice, where a grid would not fit into memory


def _tensor(seed, stride=1, count=60, shift=0, channels=3):
    """Unsorted voxels of two samples around a place, some of them negative."""
    coordinates = oracle.random_cloud(seed, count, stride=stride)
    coordinates[:, 1:] += shift * stride
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(len(coordinates), channels, generator=generator)
    return SparseTensor(features.double(), coordinates, stride)


def _dict(x):
    return {
        tuple(at): row for at, row in zip(x.coordinates.tolist(), x.features.unbind())
    }


NOTHING = torch.zeros(0, 4, dtype=torch.int32)


@pytest.mark.parametrize("shift", [0, FAR, -FAR])
@pytest.mark.parametrize("stride", [1, 4])
def test_rows_and_features_are_those_of_a_dictionary(stride, shift):
    x, other = (_tensor(seed, stride, shift=shift) for seed in (0, 1))
    beside = other.coordinates + torch.tensor([0, 1, 0, 0], dtype=torch.int32)
    asked = torch.cat([other.coordinates, x.coordinates[:3], beside])
    rows = rows_at(x, asked.long())
    table = {tuple(at): row for row, at in enumerate(x.coordinates.tolist())}
    assert rows.tolist() == [table.get(tuple(at), -1) for at in asked.tolist()]
    assert 3 < (rows >= 0).sum() < len(rows)
    zero, feats = torch.zeros(3).double(), _dict(x)
    expected = torch.stack([feats.get(tuple(at), zero) for at in asked.tolist()])
    assert torch.equal(features_at(x, asked), expected)


def test_a_sample_has_only_its_own_voxels():
    x = SparseTensor(torch.ones(1, 1), torch.tensor([[1, -2, 0, 5]]))
    asked = torch.tensor([[0, -2, 0, 5], [1, -2, 0, 5], [2, -2, 0, 5]])
    assert rows_at(x, asked).tolist() == [-1, 0, -1]


def test_of_nothing_there_is_nothing():
    nothing, some = SparseTensor(torch.zeros(0, 3), NOTHING), _tensor(0)
    assert rows_at(nothing, some.coordinates).unique().tolist() == [-1]
    assert not features_at(nothing, some.coordinates).any()
    assert rows_at(some, NOTHING).shape == (0,)
    assert features_at(some, NOTHING).shape == (0, 3)
    assert len(maximum(nothing, nothing).coordinates) == 0
    assert _dict(maximum(some, SparseTensor(torch.zeros(0, 3).double(), NOTHING)))
    assert len(part_of(some, torch.zeros(len(some.coordinates)).bool()).rows) == 0


@pytest.mark.parametrize("shift", [0, -FAR])
@pytest.mark.parametrize("stride", [1, 4])
def test_maximum_is_that_of_dictionaries_with_its_gradient(stride, shift):
    tensors = [_tensor(seed, stride, shift=shift) for seed in (0, 1)]
    given = [x.features.clone().requires_grad_() for x in tensors]
    a, b = (x.replace(features) for x, features in zip(tensors, given))
    out = maximum(a, b)
    assert out.stride == stride
    of_a, of_b, found = _dict(a), _dict(b), _dict(out)
    assert found.keys() == of_a.keys() | of_b.keys()
    assert of_a.keys() & of_b.keys()
    expected = {
        at: torch.maximum(of_a.get(at, of_b.get(at)), of_b.get(at, of_a.get(at)))
        for at in found
    }
    for at, row in found.items():
        assert torch.equal(row, expected[at])
    weights = torch.randn_like(out.features)
    grads = torch.autograd.grad((out.features * weights).sum(), given)
    total = sum(
        (row * weight).sum()
        for row, weight in zip(map(expected.get, found), weights.unbind())
    )
    for grad, wanted in zip(grads, torch.autograd.grad(total, given)):
        torch.testing.assert_close(grad, wanted)


def test_gradients_reach_the_features_that_were_looked_up():
    x = _tensor(0)
    features = x.features.clone().requires_grad_()
    asked = x.coordinates[[4, 4, 2]]
    features_at(x.replace(features), asked).sum().backward()
    expected = torch.zeros_like(features)
    expected[4], expected[2] = 2, 1
    assert torch.equal(features.grad, expected)


def test_a_part_has_its_voxels_and_their_features():
    x = _tensor(0, stride=4)
    kept = x.coordinates[:, 1] >= 0
    out = part_of(x, kept)
    assert torch.equal(out.coordinates, x.coordinates[kept])
    assert torch.equal(out.features, x.features[kept])
    assert out.stride == 4


@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize("stride", [1, 4])
def test_convolution_onto_other_voxels_follows_the_definition(stride, dilation):
    x, target = _tensor(0, stride), _tensor(1, stride)
    conv = get_backend("torch").Conv(3, 5, 3, dilation=dilation).double()
    out = conv(x, target)
    step = dilation * stride
    expected = oracle.convolve(
        x.features, x.coordinates, target.coordinates, conv.kernel, 3, step
    )
    torch.testing.assert_close(out.features, expected)
    assert torch.equal(out.coordinates, target.coordinates)
    whole = conv(x)  # what is computed at all voxels, looked up at one part of them
    part = part_of(x, x.coordinates[:, 1] > 0)
    looked_up = features_at(whole, part.coordinates)
    torch.testing.assert_close(conv(x, part).features, looked_up)


def test_a_plain_product_onto_other_voxels_is_zero_where_there_are_none():
    x, target = _tensor(0), _tensor(1)
    conv = get_backend("torch").Conv(3, 5, 1).double()
    expected = features_at(conv(x), target.coordinates)
    torch.testing.assert_close(conv(x, target).features, expected)


def test_what_does_not_fit_is_refused():
    x, wide = _tensor(0), _tensor(0, channels=4)
    with pytest.raises(ValueError, match=r"equal, got .*3 channels.* and .*4 channels"):
        maximum(x, wide)
    with pytest.raises(ValueError, match=r"equal, got .*stride 1.* and .*stride 4"):
        maximum(x, _tensor(0, stride=4))
    with pytest.raises(ValueError, match="target of stride 1, got 4"):
        get_backend("torch").Conv(3, 5, 3)(x, _tensor(0, stride=4))
    far = torch.tensor([[0, LIMIT, 0, 0]])
    with pytest.raises(ValueError, match=f"got {LIMIT}"):
        rows_at(x, far)
    with pytest.raises(TypeError, match=r"got torch\.float32"):
        features_at(x, far.float())
