"""Image features of voxels at every stride of the backbone.

A voxel's feature is the mean, or the largest value per channel, of the features of the
points inside it, whatever its stride. Points without a feature do not count, and a
voxel without any has zeros. Rows are those of the backbone's own tensors.
"""

from typing import Any

import torch
from torch import Tensor

from vantage3d.esam.models.fusion.image_sampling import ImageSamples
from vantage3d.esam.models.segments import segment_count, segment_max
from vantage3d.sparse.index import pack


class ImagePyramid:
    """Image features on the voxels of a batch, made when a stride asks for them.

    Args:
        images: Samples of the batch.
        coordinates: (N, 4) int32 [batch, x, y, z] voxel of each point: those that the
            backbone's input was made from.
    """

    def __init__(self, images: ImageSamples, coordinates: Tensor) -> None:
        self.images = images
        self.coordinates = coordinates
        self._rows: dict[int, Tensor] = {}
        self._largest: dict[int, Tensor] = {}

    def rows(self, voxels: Any) -> Tensor:
        """(N,) int64 row of each point in a sparse tensor of any stride.

        Raises:
            ValueError: If a point lies in none of the voxels.
        """
        if voxels.stride not in self._rows:
            self._rows[voxels.stride] = _find_rows(voxels, self.coordinates)
        return self._rows[voxels.stride]

    def covered(self, voxels: Any) -> Tensor:
        """(M, 1) bool: voxels with at least one feature."""
        rows = self.rows(voxels)[self.images.valid]
        return segment_count(rows, len(voxels.coordinates))[:, None] > 0

    def mean(self, voxels: Any, kernel: Tensor | None = None) -> Tensor:
        """Mean features of voxels, projected.

        The projection is applied to the cells of the map: means and projections
        commute, and there are fewer cells than points.

        Args:
            voxels: Sparse tensor of the backbone, M voxels.
            kernel: (C, C') projection; none by default.

        Returns:
            (M, C') in the order of the voxels' coordinates.
        """
        cells = None if kernel is None else self.images.single @ kernel
        return self.images.mean(self.rows(voxels), len(voxels.coordinates), cells)

    def max(self, voxels: Any, kernel: Tensor | None = None) -> Tensor:
        """Largest features of voxels, then projected; as :meth:`mean`.

        Projecting first would give another result. Memory is bounded by keeping the
        precision of the maps, which are stored in half.
        """
        if voxels.stride not in self._largest:
            self._largest[voxels.stride] = self._max(voxels)
        largest = self._largest[voxels.stride].float()
        return largest if kernel is None else largest @ kernel

    @torch.no_grad()
    def _max(self, voxels: Any) -> Tensor:
        valid, dtype = self.images.valid, self.images.cells.dtype
        feats = self.images.sample().to(dtype)[valid]
        rows, count = self.rows(voxels)[valid], len(voxels.coordinates)
        return segment_max(feats, rows, count).masked_fill(~self.covered(voxels), 0)


def _find_rows(voxels: Any, coordinates: Tensor) -> Tensor:
    keys, order = torch.sort(_keys(voxels.coordinates, voxels.stride))
    wanted = _keys(coordinates, voxels.stride)
    place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    absent = keys[place] != wanted
    if bool(absent.any()):
        at = coordinates[absent][0].tolist()
        raise ValueError(
            f"{int(absent.sum())} of {len(wanted)} points lie in no voxel of stride "
            f"{voxels.stride}, the first at {at}. Give the coordinates that the "
            "backbone's input was made from."
        )
    return order[place]


def _keys(coordinates: Tensor, stride: int) -> Tensor:
    lattice = torch.div(coordinates[:, 1:], stride, rounding_mode="floor")
    return pack(coordinates[:, 0], lattice)
