"""A batch of frames on its way through the network: points, voxels, superpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from vantage3d.sparse import Backend, floor_coordinates, voxelize


@dataclass(frozen=True)
class Frames:
    """Features of a batch of frames; lists with one entry per frame.

    Attributes:
        points: (N, 3 + C) metres and features of each point.
        superpoints: (N,) int64 superpoint of each point.
        point_weights: (N, 1) weight of each point in its superpoint.
        sp_feats: (M, C) features of each superpoint.
        sp_xyz: (M, 3) centre of each superpoint in metres.
        voxels: Sparse tensor of the backbone, all frames.
        coordinates: (sum N, 4) int32 voxel of each point.
        terms: Losses and statistics of the image branch by name.
    """

    points: list[Tensor]
    superpoints: list[Tensor]
    point_weights: list[Tensor]
    sp_feats: list[Tensor]
    sp_xyz: list[Tensor]
    voxels: Any
    coordinates: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class VoxelizedPoints:
    """All points of a batch, one frame after the other, and the voxels they fall into.

    Attributes:
        xyz: (N, 3) float32 metres; the distorted positions where there are some.
        coordinates: (N, 4) int32 [batch, x, y, z] voxel of each point.
        voxels: Sparse tensor for the backbone, V voxels with the mean colour inside.
        row_of_point: (N,) int64 row of each point in ``voxels``.
    """

    xyz: Tensor
    coordinates: Tensor
    voxels: Any
    row_of_point: Tensor


def voxelize_frames(
    inputs: Mapping, voxel_size: float, engine: Backend
) -> VoxelizedPoints:
    """Voxels of a batch, as a sparse tensor of the engine.

    ``inputs`` have ``points``, per frame (N, 3 + C) metres and features, and possibly
    ``elastic_coords``, per frame (N, 3) in voxels, which then place the points.
    """
    points = inputs["points"]
    xyz = [frame[:, :3] for frame in points]
    if "elastic_coords" in inputs:
        xyz = [coords * voxel_size for coords in inputs["elastic_coords"]]
    coordinates = floor_coordinates(xyz, voxel_size)
    feats = torch.cat([frame[:, 3:] for frame in points])
    means, row_of_point = voxelize(coordinates, feats)
    voxels = engine.tensor(means.features, means.coordinates)
    return VoxelizedPoints(torch.cat(xyz).float(), coordinates, voxels, row_of_point)


def join_superpoints(superpoints: Sequence[Tensor]) -> tuple[Tensor, list[int]]:
    """Superpoints of a batch, per frame (N,) int64 0..M-1, counted on.

    Returns:
        (sum N,) int64 superpoint of each point, 0..(sum M)-1, and the M of each frame.
    """
    counts = (torch.stack([ids.max() for ids in superpoints]) + 1).tolist()
    offsets = [sum(counts[:i]) for i in range(len(counts))]
    return torch.cat([ids + o for ids, o in zip(superpoints, offsets)]), counts
