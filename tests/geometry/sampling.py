"""Image features of points, one image at a time: the oracle of the batched ones."""

import torch
from torch import Tensor

from vantage3d.checks import check_shape
from vantage3d.geometry import FeatureGrid, grid_pixels, sample_maps


def sample_grid(feats: Tensor, pixels: Tensor) -> Tensor:
    """Bilinear samples; beyond the outer centres the border values go on.

    Args:
        feats: (C, h, w) feature map.
        pixels: (N, 2) positions (x, y) in cells, centres at integers.

    Returns:
        (N, C), float32 for half-precision ``feats``.

    Raises:
        ValueError: If a shape is wrong.
    """
    check_shape("feats", feats, "C h w")
    check_shape("pixels", pixels, "N 2")
    maps = feats[None].to(torch.promote_types(feats.dtype, torch.float32))
    return sample_maps(maps, pixels[None])[0]


def project_and_sample(
    feats: Tensor,
    points_cam: Tensor,
    K: Tensor,
    K_size: tuple[int, int],
    grid: FeatureGrid,
    depth: Tensor | None = None,
    depth_tol: float = 0.05,
) -> tuple[Tensor, Tensor]:
    """Image features of points.

    Args:
        feats: (C, h, w) feature map on ``grid``.
        points_cam: (N, 3) points in camera coordinates, metres.
        K: (3, 3) intrinsics in pixels of an image of ``K_size``.
        K_size: (W, H) of that image, and of ``depth``.
        grid: Where the cells of ``feats`` lie.
        depth: (H, W) z-depth in metres that the camera of the image saw, 0 where
            missing. With it points behind the surface of their pixel are invalid, and
            so are those whose pixel has no depth to tell.
        depth_tol: Metres that a point may lie behind that surface.

    Returns:
        (N, C) features, zero for invalid points, and (N,) bool which are valid.

    Raises:
        ValueError: If a shape is wrong, or ``feats`` does not have the grid's size, or
            ``depth`` not ``K_size``.
    """
    width, height = grid.size
    fix = "It was made from another image size or by another network."
    check_shape("feats", feats, f"C {height} {width}", fix=fix)
    pixels, valid = grid_pixels(points_cam, K, K_size, grid)
    if depth is not None:
        fix = "Give the depth of the image that `K` belongs to."
        check_shape("depth", depth, f"{K_size[1]} {K_size[0]}", fix=fix)
        pixel = FeatureGrid(K_size, K_size, 1)  # a cell for every pixel
        at = grid_pixels(points_cam, K, K_size, pixel)[0]
        x = at[:, 0].round().clamp(0, K_size[0] - 1).long()
        y = at[:, 1].round().clamp(0, K_size[1] - 1).long()
        seen = depth[y, x]
        valid = valid & (seen > 0) & (points_cam[:, 2] <= seen + depth_tol)
    return sample_grid(feats, pixels) * valid[:, None], valid
