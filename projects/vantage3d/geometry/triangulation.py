"""Points from their pixels in several posed cameras, weighted and differentiable."""

from typing import NamedTuple

import torch
from torch import Tensor

from vantage3d.checks import check_shape

MIN_PARALLAX = 1e-4  # radians: 0.03 pixels at a focal length of 300


class Triangulated(NamedTuple):
    """Points, and whether to trust them.

    Attributes:
        points: (..., N, 3) in the frame that the transforms start from; zero where not
            ``well_posed``.
        well_posed: (..., N) bool: the views see the point from different directions.
        in_front: (..., N) bool: it lies in front of every camera that has a weight.
    """

    points: Tensor
    well_posed: Tensor
    in_front: Tensor


def triangulate(
    coords: Tensor,
    ref2cam: Tensor,
    weights: Tensor,
    min_parallax: float = MIN_PARALLAX,
) -> Triangulated:
    """Points that minimise the weighted algebraic error over all views.

    Each view gives two equations r1 X + t1 = u (r3 X + t3) and the like in y, times its
    weight. The 3 x 3 normal equations are solved in float64, whose rounding stays below
    1e-7 of the depth at the smallest parallax. Gradients are finite everywhere: where
    the equations have no single solution they are replaced before the solution, which
    then is zero and has no gradient.

    Args:
        coords: (..., V, N, 2) normalised coordinates x / z and y / z.
        ref2cam: (..., V, 4, 4) from the frame of the points to each camera.
        weights: (..., V, N) not negative; 0 leaves a view out.
        min_parallax: Smallest angle between weighted views, radians.

    Raises:
        ValueError: If a shape is wrong.
    """
    dims = check_shape("coords", coords, "... V N 2")
    check_shape("ref2cam", ref2cam, "... V 4 4", dims=dims)
    check_shape("weights", weights, "... V N", dims=dims)
    pose, exact = ref2cam.double(), coords.double()
    rows = pose[..., None, :2, :3] - exact[..., None] * pose[..., None, 2:3, :3]
    rhs = exact * pose[..., None, 2:3, 3] - pose[..., None, :2, 3]
    rows = rows * weights[..., None, None].double()
    rhs = rhs * weights[..., None].double()
    matrix = torch.einsum("...vnki,...vnkj->...nij", rows, rows)
    vector = torch.einsum("...vnki,...vnk->...ni", rows, rhs)
    # The angle of the views' rays, small ones; less for small weights: two views of
    # weight 1 have the eigenvalues 2, 1 + cos and 1 - cos of it, so the determinant is
    # 2 sin² and the trace 4.
    trace = matrix.detach().diagonal(dim1=-2, dim2=-1).sum(-1).clamp(min=1e-30)
    relative = torch.linalg.det(matrix.detach()) / (trace / 2) ** 3
    well_posed = 2 * relative.clamp(min=0).sqrt() > min_parallax
    identity = torch.eye(3, dtype=matrix.dtype, device=matrix.device)
    matrix = torch.where(well_posed[..., None, None], matrix, identity)
    vector = torch.where(well_posed[..., None], vector, torch.zeros_like(vector))
    points = torch.linalg.solve(matrix, vector)
    depths = points.detach()[..., None, :, :] @ pose[..., 2:3, :3].mT
    depths = depths[..., 0] + pose[..., 2, 3, None]
    in_front = well_posed & ((depths > 0) | (weights == 0)).all(-2)
    return Triangulated(points.to(coords.dtype), well_posed, in_front)
