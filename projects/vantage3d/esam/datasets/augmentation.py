"""Colour normalisation and elastic distortion of a frame's points."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from scipy.ndimage import map_coordinates, uniform_filter

from vantage3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class NormalizePointsColor_(BaseTransform):  # released config name
    """Colours 0..255 of ``points`` to zero mean and unit deviation.

    Args:
        color_mean: Mean of red, green and blue, 0..255.
        color_std: Their standard deviations.
    """

    def __init__(self, color_mean: list[float], color_std: list[float]) -> None:
        self.color_mean = torch.tensor(color_mean)
        self.color_std = torch.tensor(color_std)

    def transform(self, results: dict) -> dict:
        points = results["points"]
        # Not through the `color` setter, which warns about values outside 0..255.
        columns = points.attribute_dims["color"]
        points.tensor[:, columns] = (points.color - self.color_mean) / self.color_std
        return results


@TRANSFORMS.register_module()
class ElasticTransfrom(BaseTransform):  # released config name, spelled so
    """Voxel coordinates, smoothly distorted with probability ``p``.

    Adds ``elastic_coords`` (N, 3) float64 in voxels. The points themselves stay where
    they are, so that whatever is looked up by position or pixel remains exact.

    Args:
        gran: Noise cell of each pass in voxels.
        mag: Noise magnitude of each pass in voxels.
        voxel_size: Metres.
        p: Probability of the distortion.
    """

    def __init__(
        self, gran: list[float], mag: list[float], voxel_size: float, p: float = 1.0
    ) -> None:
        self.passes = list(zip(gran, mag, strict=True))
        self.voxel_size = voxel_size
        self.p = p

    def transform(self, results: dict) -> dict:
        coords = results["points"].coord.numpy().astype(np.float64) / self.voxel_size
        if np.random.rand() < self.p:
            for gran, mag in self.passes:
                coords = coords + mag * smooth_noise(coords, gran)
        results["elastic_coords"] = coords
        return results


def smooth_noise(coords: np.ndarray, gran: float) -> np.ndarray:
    """Smoothed Gaussian noise vectors at ``coords``.

    A grid of normal noise spans [-(b-1) gran, (b-1) gran] with b cells per axis, is box
    filtered twice and read by trilinear interpolation.

    Args:
        coords: (N, 3) in voxels.
        gran: Cell size in voxels.

    Returns:
        (N, 3).
    """
    cells = (np.abs(coords).max(axis=0) // gran + 3).astype(int)
    index = (coords / gran + (cells - 1)) / 2
    noise = np.empty_like(coords)
    for axis in range(3):
        grid = np.random.randn(*cells)
        for _ in range(2):
            grid = uniform_filter(grid, size=3, mode="constant")
        noise[:, axis] = map_coordinates(grid, index.T, order=1, mode="nearest")
    return noise
