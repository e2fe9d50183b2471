"""Blocks of voxels against all of them in one tensor."""

import pytest
import torch

from tests.sparse import oracle
from vantage3d.esam.models.voxel_blocks import SIDE_BITS, VoxelBlocks
from vantage3d.sparse import SparseTensor, maximum, part_of

STRIDE = 4


def cloud(seed: int, shift: int) -> SparseTensor:
    """Voxels of two scenes, some blocks wide, on both sides of the origin."""
    at = oracle.random_cloud(seed, 200, 60, stride=STRIDE)
    at[:, 1] += shift * STRIDE
    generator = torch.Generator().manual_seed(seed)
    return SparseTensor(torch.randn(len(at), 3, generator=generator), at, STRIDE)


@pytest.mark.parametrize("scenes", [1, 2])
def test_what_lies_in_a_box_is_what_a_whole_tensor_has(scenes):
    side = STRIDE << SIDE_BITS
    low = torch.tensor([[-side, -30.0, -30.0], [10.0, -side, 0.0]])[:scenes]
    high = low + torch.tensor([1.5 * side, 90.0, 90.0])
    blocks = whole = None
    for seed in range(4):
        x = cloud(seed, 40 * seed - 60)
        if blocks is None:
            blocks, whole = VoxelBlocks(x), x
        else:
            boxes = torch.stack(
                [x.coordinates[:, 1:].amin(0), x.coordinates[:, 1:].amax(0)]
            )[:, None].expand(2, 2, 3)
            blocks.update(maximum(blocks.around(*boxes), x), x)
            whole = maximum(whole, x)
        assert len(blocks) == len(whole.coordinates)
        assert torch.equal(blocks.features, whole.rows)
        assert torch.equal(blocks.coordinates, whole.level.sorted_coordinates)
        found = blocks.around(low, high)
        expected, near = inside(whole, low, high), inside(found, low, high)
        assert torch.equal(near.coordinates, expected.coordinates)
        assert torch.equal(near.rows, expected.rows)
        assert len(near.coordinates) <= len(found.coordinates) < len(whole.coordinates)


def inside(x: SparseTensor, low: torch.Tensor, high: torch.Tensor) -> SparseTensor:
    x = SparseTensor(x.rows, x.level.sorted_coordinates, x.stride)
    kept = [
        scene < len(low) and bool(((at >= low[scene]) & (at <= high[scene])).all())
        for scene, at in zip(x.coordinates[:, 0].tolist(), x.coordinates[:, 1:])
    ]
    return part_of(x, torch.tensor(kept))


def test_where_nothing_is_known_there_is_nothing():
    blocks = VoxelBlocks(cloud(0, 0))
    far = torch.full((1, 3), 1e6)
    found = blocks.around(far, far)
    assert found.features.shape == (0, 3) and found.stride == STRIDE
    nowhere = torch.full((1, 3), torch.inf)
    assert len(blocks.around(nowhere, -nowhere).coordinates) == 0
