"""Sparse convolution engine: pure torch by default, MinkowskiEngine as the second."""

from .backends import Backend, get_backend
from .lookup import features_at, maximum, part_of, rows_at
from .tensor import SparseTensor, floor_coordinates, voxelize

__all__ = [
    "Backend",
    "SparseTensor",
    "features_at",
    "floor_coordinates",
    "get_backend",
    "maximum",
    "part_of",
    "rows_at",
    "voxelize",
]
