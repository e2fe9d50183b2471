"""Augmentation of a frame's points: moves, colours and elastic distortion."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from scipy.ndimage import map_coordinates, uniform_filter

from vantage3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomFlip3D(BaseTransform):  # MMDetection3D's name
    """Points mirrored at the planes x = 0 and y = 0, each with its probability.

    Images and their cameras stay: what was done is recorded as ``pcd_horizontal_flip``,
    ``pcd_vertical_flip`` and in ``transformation_3d_flow``, from which
    :func:`vantage3d.esam.frame_camera.undo_augmentation` finds the way back.

    Args:
        flip_ratio_bev_horizontal: Probability of x -> -x.
        flip_ratio_bev_vertical: Probability of y -> -y.
        sync_2d: Must be False; MMDetection3D flips the image too where it is True.

    Raises:
        ValueError: If ``sync_2d`` is set or a probability is not in [0, 1].
    """

    def __init__(
        self,
        flip_ratio_bev_horizontal: float = 0.0,
        flip_ratio_bev_vertical: float = 0.0,
        sync_2d: bool = False,
    ) -> None:
        if sync_2d:
            raise ValueError("`sync_2d` must be False, got True: images never flip.")
        self.ratios = {
            "horizontal": flip_ratio_bev_horizontal,
            "vertical": flip_ratio_bev_vertical,
        }
        for name, ratio in self.ratios.items():
            if not 0 <= ratio <= 1:
                raise ValueError(
                    f"`flip_ratio_bev_{name}` must be a probability, got {ratio}."
                )

    def transform(self, results: dict) -> dict:
        drawn = {name: np.random.rand() < ratio for name, ratio in self.ratios.items()}
        flow = results.setdefault("transformation_3d_flow", [])
        for name, flip in drawn.items():
            results[f"pcd_{name}_flip"] = flip
            if flip:
                results["points"].flip(name)
                flow.append(f"{name[0].upper()}F")
        return results


@TRANSFORMS.register_module()
class GlobalRotScaleTrans(BaseTransform):  # MMDetection3D's name
    """Points turned about the vertical axis, scaled and shifted, in this order.

    Records ``pcd_rotation`` (3, 3), which rows are multiplied with from the right,
    ``pcd_rotation_angle``, ``pcd_scale_factor``, ``pcd_trans`` (3,) in metres and the
    steps R, S, T in ``transformation_3d_flow``.

    Args:
        rot_range: Least and largest angle in radians.
        scale_ratio_range: Least and largest factor.
        translation_std: Standard deviation of the shift along x, y and z in metres.
        shift_height: Must be False; the points have no column of heights.

    Raises:
        ValueError: If ``shift_height`` is set.
    """

    def __init__(
        self,
        rot_range: list[float],
        scale_ratio_range: list[float],
        translation_std: list[float],
        shift_height: bool = False,
    ) -> None:
        if shift_height:
            raise ValueError(
                "`shift_height` must be False, got True: points have no heights."
            )
        self.rot_range = rot_range
        self.scale_ratio_range = scale_ratio_range
        self.translation_std = np.array(translation_std, dtype=np.float32)

    def transform(self, results: dict) -> dict:
        points = results["points"]
        angle = np.random.uniform(*self.rot_range)
        scale = np.random.uniform(*self.scale_ratio_range)
        shift = np.random.normal(scale=self.translation_std, size=3)
        rotation = points.rotate(angle)
        points.scale(scale)
        points.translate(shift)
        results.update(
            pcd_rotation=rotation,
            pcd_rotation_angle=angle,
            pcd_scale_factor=scale,
            pcd_trans=shift,
        )
        results.setdefault("transformation_3d_flow", []).extend(["R", "S", "T"])
        return results


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
    """(N, 3) smoothed Gaussian noise at ``coords`` (N, 3); all lengths in voxels.

    A grid of normal noise spans [-(b-1) gran, (b-1) gran] with b cells per axis, is box
    filtered twice and read by trilinear interpolation.
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
