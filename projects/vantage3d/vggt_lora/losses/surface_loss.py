"""Shape of what a depth map shows: how surfaces lie, and that flat ones are flat.

Both terms judge the depth through the true intrinsics and in any unit: what a depth is
wrong by as a whole is for the plain residual to say.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vantage3d.checks import check_positive
from vantage3d.geometry import unproject
from vantage3d.vggt_lora.losses.dense_loss import MIN_DEPTH, over_scales
from vantage3d.vggt_lora.losses.weighting import weighted_mean

SPREAD = 1.0  # pixels squared; points of a smaller one are nearly on a line


@dataclass(frozen=True)
class SurfaceLoss:
    """Normals of the depth against true ones, and the bumps of flat cells.

    A cell of the image whose true points lie on a plane is flat; there the prediction
    is held against a plane of its own, so that only its bumps count.

    Attributes:
        normal: Factor of one minus the cosine between normals, at three scales.
        plane: Factor of the distance from the plane, a share of the depth.
        cap: Together the two add at most this share of the plain residual of the
            depth: raised as far as one likes, they never outweigh it.
        cell: Pixels along a side of a cell.
        flat: Largest distance of a true point from the plane of its cell, a share of
            the depth.
        min_points: Valid pixels that a cell needs.

    Raises:
        ValueError: If ``cap``, ``cell``, ``flat`` or ``min_points`` is not positive.
    """

    normal: float = 0.5
    plane: float = 2.0
    cap: float = 0.5
    cell: int = 8
    flat: float = 0.01
    min_points: int = 12

    def __post_init__(self) -> None:
        for name in ("cap", "cell", "flat", "min_points"):
            check_positive(name, getattr(self, name))

    def __call__(
        self,
        depth: Tensor,
        target: Tensor,
        K: Tensor,
        mask: Tensor,
        weights: Tensor,
        residual: Tensor,
    ) -> dict[str, Tensor]:
        """The two terms by their factors, below the cap.

        Args:
            depth: (B, S, H, W) positive prediction.
            target: (B, S, H, W) true z-depth in any unit.
            K: (B, S, 3, 3) intrinsics in pixels.
            mask: (B, S, H, W) bool, where the truth is known.
            weights: (B, S, H, W) non-negative; only their ratios matter.
            residual: The plain residual as it counts in the objective.

        Returns:
            Scalars ``normal`` and ``plane``; 0 and connected to the graph if nothing
            can be judged.
        """
        depth, target, K, mask, weights = (
            part.flatten(0, 1) for part in (depth, target, K, mask, weights)
        )
        here = torch.eye(4, dtype=K.dtype, device=K.device).expand(len(K), 4, 4)
        points = unproject(depth, K, here), unproject(target, K, here)
        terms = {
            "normal": self.normal * over_scales("normal", *points, mask, weights),
            "plane": self.plane * self.bumps(depth, target, mask, weights),
        }
        total = torch.stack(list(terms.values())).sum().detach()
        tiny = torch.finfo(total.dtype).tiny
        share = (self.cap * residual.detach() / total.clamp(min=tiny)).clamp(max=1)
        return {name: share * term for name, term in terms.items()}

    def bumps(
        self, depth: Tensor, target: Tensor, mask: Tensor, weights: Tensor
    ) -> Tensor:
        """Mean distance of the depth in flat cells from planes; (N, H, W) each."""
        maps = (depth.clamp(min=MIN_DEPTH), target, mask, weights)
        pred, truth, known, shares = (cells(part, self.cell) for part in maps)
        enough = (known.sum(1) >= self.min_points) & wide(known)
        flat = enough & (plane_distances(truth, known).amax(1) <= self.flat)
        known = known[flat]
        distances = plane_distances(pred[flat], known)
        return weighted_mean(distances[known], shares[flat][known])


def cells(maps: Tensor, side: int) -> Tensor:
    """(C, side * side) pixels of the whole cells of (N, H, W) maps."""
    height, width = (size // side * side for size in maps.shape[1:])
    rows = maps[:, :height, :width].unflatten(2, (-1, side)).unflatten(1, (-1, side))
    return rows.transpose(2, 3).flatten(3).flatten(0, 2)


def wide(known: Tensor) -> Tensor:
    """(C,) bool: the known pixels of a cell (C, P) are not all near one line."""
    u, v = _offsets(known)
    uu, uv, vv = (u * u).sum(1), (u * v).sum(1), (v * v).sum(1)
    return uu * vv - uv**2 >= SPREAD * known.sum(1) ** 2


def plane_distances(depth: Tensor, known: Tensor) -> Tensor:
    """How far points are from the plane of their cell, as shares of their depth.

    A plane is linear in pixels and inverse depth; it is fitted to the inverse depths by
    least squares.

    Args:
        depth: (C, P) positive where known.
        known: (C, P) bool, of which P is a square.

    Returns:
        (C, P), 0 where not known; of no meaning in cells that are not :func:`wide`.
    """
    u, v = _offsets(known)
    count = known.sum(1, keepdim=True).clamp(min=1)
    inverse = torch.where(known, 1 / torch.where(known, depth, 1), 0)
    mean = inverse.sum(1, keepdim=True) / count
    bumps = torch.where(known, inverse / torch.where(mean > 0, mean, 1) - 1, 0)
    uu, uv, vv, us, vs = (
        (a * b).sum(1, keepdim=True)
        for a, b in ((u, u), (u, v), (v, v), (u, bumps), (v, bumps))
    )
    scale = (uu * vv - uv**2).clamp(min=1)
    along, down = (us * vv - vs * uv) / scale, (vs * uu - us * uv) / scale
    return (bumps - along * u - down * v).abs()


def _offsets(known: Tensor) -> tuple[Tensor, Tensor]:
    """(C, P) pixels right of and below the mean of the known ones; 0 elsewhere."""
    side = math.isqrt(known.shape[1])
    pixels = torch.arange(known.shape[1], device=known.device)
    count = known.sum(1, keepdim=True).clamp(min=1)
    right, down = (
        (at - (at * known).sum(1, keepdim=True) / count) * known
        for at in (pixels % side, pixels // side)
    )
    return right, down
