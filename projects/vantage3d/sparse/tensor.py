"""Features on a sparse set of voxels."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from .index import check_range, pack
from .levels import Family, Level


def check_coordinates(coordinates: Tensor) -> Tensor:
    """(N, 4) int32 coordinates, or an error that says what is wrong.

    Raises:
        ValueError: If the shape is not (N, 4).
        TypeError: If the dtype is not an integer type.
    """
    if coordinates.ndim != 2 or coordinates.shape[1] != 4:
        raise ValueError(
            "`coordinates` must have shape (N, 4) [batch, x, y, z], got "
            f"{tuple(coordinates.shape)}. `floor_coordinates` makes them from metres."
        )
    if coordinates.dtype not in (torch.int32, torch.int64):
        raise TypeError(
            f"`coordinates` must be int32 or int64, got {coordinates.dtype}. "
            "Divide by the voxel size and round down with `floor_coordinates`."
        )
    if coordinates.dtype == torch.int64 and coordinates.numel():
        _check_int32(coordinates)
    return coordinates.to(torch.int32)


def _check_int32(values: Tensor) -> None:
    """Raise a ValueError for what would wrap around, or is rounded, as int32."""
    low, high = float(values.min()), float(values.max())
    if low < -(2**31) or high > 2**31 - 1:
        bad = low if low < -(2**31) else high
        raise ValueError(
            f"Coordinates must fit into 32 bits, got {bad:.0f}. Centre the cloud or "
            "use a larger voxel."
        )


def check_features(features: Tensor, coordinates: Tensor) -> None:
    """Raise if ``features`` is not a floating (N, C) with N rows of coordinates."""
    if features.ndim != 2:
        raise ValueError(
            f"`features` must have shape (N, C), got {tuple(features.shape)}."
        )
    if not features.is_floating_point():
        raise TypeError(f"`features` must be floating point, got {features.dtype}.")
    if features.shape[0] != coordinates.shape[0]:
        raise ValueError(
            f"`features` has {features.shape[0]} rows and `coordinates` "
            f"{coordinates.shape[0]}; every voxel needs one row of each."
        )
    if features.device != coordinates.device:
        raise ValueError(
            f"`features` is on {features.device} and `coordinates` on "
            f"{coordinates.device}; move one of them."
        )


class SparseTensor:
    """Features (N, C) on N voxels; see ``levels`` for a worked example.

    Rows keep the order given. Tensors derived from one another share their coordinate
    maps, which are freed with the last of them.

    Args:
        features: (N, C) floating point.
        coordinates: (N, 4) int32 or int64 [batch, x, y, z], unique, in units of the
            input voxel, multiples of ``stride``; negative values are fine.
        stride: Distance of neighbouring voxels in input voxels.

    Raises:
        ValueError: Wrong shapes, different lengths, repeated or far-out coordinates.
        TypeError: Wrong dtypes.
    """

    def __init__(self, features: Tensor, coordinates: Tensor, stride: int = 1) -> None:
        coordinates = check_coordinates(coordinates)
        check_features(features, coordinates)
        if stride < 1:
            raise ValueError(f"`stride` must be at least 1, got {stride}.")
        self.level = Level(coordinates, stride)
        self.family = Family(self.level)
        order = self.level.order
        self.rows = features if order is None else features[order]
        self._features: Tensor | None = features

    @classmethod
    def of_rows(cls, rows: Tensor, level: Level, family: Family) -> "SparseTensor":
        """Tensor of features that are already in the level's stored order."""
        tensor = cls.__new__(cls)
        tensor.rows, tensor.level, tensor.family = rows, level, family
        tensor._features = None
        return tensor

    def with_rows(self, rows: Tensor) -> "SparseTensor":
        """The same voxels with other features, in stored order."""
        return SparseTensor.of_rows(rows, self.level, self.family)

    @property
    def features(self) -> Tensor:
        """(N, C) features in the order of ``coordinates``."""
        if self._features is None:
            rank = self.level.rank
            self._features = self.rows if rank is None else self.rows[rank]
        return self._features

    @property
    def coordinates(self) -> Tensor:
        """(N, 4) int32 [batch, x, y, z] in input voxels."""
        return self.level.coordinates

    @property
    def stride(self) -> int:
        """Distance of neighbouring voxels in input voxels."""
        return self.level.stride

    def replace(self, features: Tensor) -> "SparseTensor":
        """The same voxels with ``features`` (N, C), in the order of coordinates."""
        check_features(features, self.coordinates)
        order = self.level.order
        tensor = self.with_rows(features if order is None else features[order])
        tensor._features = features
        return tensor

    def overwritten(self) -> "SparseTensor":
        """This tensor, after its rows were changed in place."""
        self._features = None
        return self

    def aligned_rows(self, other: "SparseTensor") -> Tensor:
        """Rows of ``other``, which must be on the same voxels."""
        if other.level is not self.level and (
            other.stride != self.stride
            or not torch.equal(other.level.keys, self.level.keys)
        ):
            raise ValueError(
                f"Both tensors must be on the same voxels, got {other} and {self}."
            )
        return other.rows

    def __add__(self, other: "SparseTensor") -> "SparseTensor":
        """Sum of features on the same voxels."""
        return self.with_rows(self.rows + self.aligned_rows(other))

    def __iadd__(self, other: "SparseTensor") -> "SparseTensor":
        """Sum written over the features of the left side, as a residual block may."""
        self.rows.add_(self.aligned_rows(other))
        return self.overwritten()

    def __repr__(self) -> str:
        count, channels = self.rows.shape
        return (
            f"SparseTensor({count} voxels, {channels} channels, stride {self.stride})"
        )


def floor_coordinates(points: Sequence[Tensor], voxel_size: float) -> Tensor:
    """Voxel of every point, samples one after the other.

    Args:
        points: Per sample (Ni, 3) floating point, metres.
        voxel_size: Edge of a voxel in metres.

    Returns:
        (sum Ni, 4) int32 [batch, x, y, z]; division rounds down.

    Raises:
        ValueError: Wrong shape, non-finite points, or ``voxel_size`` not positive.
    """
    if not voxel_size > 0:
        raise ValueError(f"`voxel_size` must be positive metres, got {voxel_size}.")
    if not points:
        raise ValueError("`points` must hold at least one sample, got 0.")
    rows = []
    for sample, xyz in enumerate(points):
        if xyz.ndim != 2 or xyz.shape[1] != 3:
            raise ValueError(
                f"`points[{sample}]` must have shape (N, 3), got {tuple(xyz.shape)}."
            )
        finite = torch.isfinite(xyz).all(1)
        if not bool(finite.all()):
            row = int((~finite).nonzero()[0])
            raise ValueError(
                f"`points[{sample}]` must be finite, got {xyz[row].tolist()} in row "
                f"{row}. Drop such points first."
            )
        voxel = torch.floor(xyz / voxel_size)
        if voxel.numel():
            _check_int32(voxel)
        voxel = voxel.to(torch.int32)
        rows.append(torch.cat([voxel.new_full((len(voxel), 1), sample), voxel], dim=1))
    return torch.cat(rows)


def voxelize(coordinates: Tensor, features: Tensor) -> tuple[SparseTensor, Tensor]:
    """Average the points of every voxel.

    Args:
        coordinates: (N, 4) integer [batch, x, y, z], repeats allowed.
        features: (N, C) floating point.

    Returns:
        The tensor of the M unique voxels, rows in key order (see ``index``), mean
        features; and (N,) int64, the row of each point, so that
        ``tensor.features[inverse]`` is per point again. Gradients flow to ``features``.

    Raises:
        ValueError: Wrong shapes or far-out coordinates.
        TypeError: Wrong dtypes.
    """
    coordinates = check_coordinates(coordinates)
    check_features(features, coordinates)
    check_range(coordinates[:, 0], coordinates[:, 1:])
    keys, order = torch.sort(pack(coordinates[:, 0], coordinates[:, 1:]))
    first = torch.ones_like(keys, dtype=torch.bool)
    torch.ne(keys[1:], keys[:-1], out=first[1:])
    starts = first.nonzero()[:, 0]
    inverse = torch.empty_like(order)
    inverse[order] = first.cumsum(0) - 1
    mean = embedding_bag(order, features, starts, mode="mean")
    return SparseTensor(mean, coordinates[order[starts]]), inverse
