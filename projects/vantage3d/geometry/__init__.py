"""Pure camera geometry on torch tensors and numpy arrays.

One convention everywhere: OpenCV axes (x right, y down, z forward), metres,
pixel centres at integers, transforms named by direction, depth 0 = missing.
Every function takes either torch tensors or numpy arrays and returns the same.
"""

from vantage3d.geometry.cameras import (
    distance_to_depth,
    normalise_pixels,
    pixel_grid,
    project,
    scale_intrinsics,
    unproject,
    unproject_pixels,
)
from vantage3d.geometry.epipolar import SeenRays, clip_rays, seen_rays
from vantage3d.geometry.grids import FeatureGrid, grid_pixels
from vantage3d.geometry.resampling import bilinear_cells, resize_bicubic, sample_maps
from vantage3d.geometry.transforms import invert_rigid, look_at, transform_points
from vantage3d.geometry.triangulation import Triangulated, triangulate

__all__ = [
    "FeatureGrid",
    "SeenRays",
    "Triangulated",
    "bilinear_cells",
    "clip_rays",
    "distance_to_depth",
    "grid_pixels",
    "invert_rigid",
    "look_at",
    "normalise_pixels",
    "pixel_grid",
    "project",
    "resize_bicubic",
    "sample_maps",
    "scale_intrinsics",
    "seen_rays",
    "transform_points",
    "triangulate",
    "unproject",
    "unproject_pixels",
]
