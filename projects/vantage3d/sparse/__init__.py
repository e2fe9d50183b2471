"""Sparse convolution engine: pure torch by default, MinkowskiEngine as the second."""

from .backends import Backend, get_backend
from .tensor import SparseTensor, floor_coordinates, voxelize

__all__ = ["Backend", "SparseTensor", "floor_coordinates", "get_backend", "voxelize"]
