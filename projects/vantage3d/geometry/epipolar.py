"""Where the points of a pixel's ray are seen by another camera."""

from typing import NamedTuple

import torch
from torch import Tensor

from vantage3d.checks import check_shape
from vantage3d.geometry.cameras import unproject_pixels

_MIN_RATIO = 1e-6  # smallest depth in the source camera per depth in the reference


class SeenRays(NamedTuple):
    """Rays of a reference camera in homogeneous pixels of a source camera.

    The point at depth Z of the reference is seen at ``start + step / Z``. The third
    coordinate is its depth in the source camera by Z, so it is in front where positive.

    Attributes:
        start: (..., N, 3), of the point at infinity.
        step: (..., 1, 3), the epipole.
    """

    start: Tensor
    step: Tensor

    def at(self, inverse_depth: Tensor) -> Tensor:
        """(..., N, 2) pixels at (..., N) inverse depths; any where not in front."""
        seen = self.start + self.step * inverse_depth[..., None]
        ratio = seen[..., 2:]
        ratio = torch.where(ratio.abs() < 1e-12, torch.full_like(ratio, 1e-12), ratio)
        return seen[..., :2] / ratio


def seen_rays(
    pixels: Tensor, K_ref: Tensor, K_src: Tensor, ref2src: Tensor
) -> SeenRays:
    """Rays through pixels of the reference camera, as the source camera sees them.

    Args:
        pixels: (..., N, 2) pixels (x, y) of the reference image.
        K_ref: (..., 3, 3) its intrinsics.
        K_src: (..., 3, 3) intrinsics of the source camera.
        ref2src: (..., 4, 4) from reference camera to source camera.

    Raises:
        ValueError: If a shape is wrong.
    """
    check_shape("pixels", pixels, "... N 2")
    check_shape("K_src", K_src, "... 3 3")
    check_shape("ref2src", ref2src, "... 4 4")
    unmoved = torch.eye(4, dtype=pixels.dtype, device=pixels.device)
    rays = unproject_pixels(pixels, torch.ones_like(pixels[..., 0]), K_ref, unmoved)
    rotated = rays @ ref2src[..., :3, :3].mT
    return SeenRays(rotated @ K_src.mT, ref2src[..., None, :3, 3] @ K_src.mT)


def clip_rays(
    rays: SeenRays, near: float, far: float, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """The part of rays that lies between two depths, in front of and inside an image.

    In homogeneous pixels each border is linear in the inverse depth, so the part is one
    interval and the clipping exact, whatever lies behind the camera.

    Args:
        rays: Rays of the reference camera, seen by the source camera.
        near: Smallest depth in the reference camera, metres.
        far: Largest depth.
        size: (H, W) of the source image; it spans [-0.5, W - 0.5).

    Returns:
        (..., N, 2) the least and the greatest inverse depth, and (..., N) bool: there
        is such a part. Where there is none both are 1 / ``far``.

    Raises:
        ValueError: If not 0 < ``near`` < ``far``.
    """
    if not 0 < near < far:
        raise ValueError(
            f"`near` and `far` must be 0 < near < far in metres, got {near} and {far}."
        )
    (height, width), half = size, 0.5
    lows = torch.full_like(rays.start[..., 0], 1 / far)
    highs = torch.full_like(lows, 1 / near)
    for border in (
        (0.0, 0.0, 1.0),
        (1.0, 0.0, half),
        (-1.0, 0.0, width - half),
        (0.0, 1.0, half),
        (0.0, -1.0, height - half),
    ):
        offset = _MIN_RATIO if border[:2] == (0.0, 0.0) else 0.0
        # Bounds of q are narrowed to value + q * slope >= 0; they cross if nowhere.
        value = _along(border, rays.start) - offset
        slope = _along(border, rays.step).expand_as(value)
        crossing = -value / torch.where(slope == 0, torch.ones_like(slope), slope)
        lows = torch.where(slope > 0, torch.maximum(lows, crossing), lows)
        highs = torch.where(slope < 0, torch.minimum(highs, crossing), highs)
        highs = torch.where((slope == 0) & (value < 0), lows - 1, highs)
    valid = lows <= highs
    nothing = torch.full_like(lows, 1 / far)
    ends = [torch.where(valid, bound, nothing) for bound in (lows, highs)]
    return torch.stack(ends, -1), valid


def _along(border: tuple[float, float, float], vectors: Tensor) -> Tensor:
    """(...) products of (..., 3) with a border's normal, whatever its numbers are."""
    x, y, z = vectors.unbind(-1)
    return border[0] * x + border[1] * y + border[2] * z
