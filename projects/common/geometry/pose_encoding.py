"""Cameras as nine numbers: translation, quaternion, fields of view."""

import torch
from torch import Tensor

from projects.common.checks import check_shape


def quaternion_from_rotation(rotation: Tensor) -> Tensor:
    """Unit quaternions (x, y, z, w) with w >= 0 of rotation matrices.

    Args:
        rotation: (..., 3, 3).

    Returns:
        (..., 4).

    Raises:
        ValueError: If the last two dimensions are not 3 x 3.
    """
    check_shape("rotation", rotation, "... 3 3")
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in rotation.unbind(-2))
    # 4 q q^T; its row with the largest diagonal is the best conditioned one.
    rows = [
        [1 + a - e - i, b + d, c + g, h - f],
        [b + d, 1 - a + e - i, f + h, c - g],
        [c + g, f + h, 1 - a - e + i, d - b],
        [h - f, c - g, d - b, 1 + a + e + i],
    ]
    products = torch.stack([torch.stack(row, -1) for row in rows], -2)
    best = products.diagonal(dim1=-2, dim2=-1).argmax(-1)
    row = products.take_along_dim(best[..., None, None], -2).squeeze(-2)
    quaternion = torch.nn.functional.normalize(row, dim=-1)
    return torch.where(quaternion[..., 3:] < 0, -quaternion, quaternion)


def encode_pose(world2cam: Tensor, K: Tensor, image_size: tuple[int, int]) -> Tensor:
    """Pose encoding ``absT_quaR_FoV`` of cameras.

    Args:
        world2cam: (..., 4, 4) rigid transforms, OpenCV axes.
        K: (..., 3, 3) intrinsics in pixels; the principal point is taken as central.
        image_size: (H, W) pixels.

    Returns:
        (..., 9): translation of world2cam, quaternion (x, y, z, w) with w >= 0, field
        of view in radians, vertical before horizontal.

    Raises:
        ValueError: If a shape is wrong.
    """
    check_shape("world2cam", world2cam, "... 4 4")
    check_shape("K", K, "... 3 3")
    height, width = image_size
    focal = torch.stack([K[..., 1, 1], K[..., 0, 0]], -1)
    half = focal.new_tensor([height / 2, width / 2])
    return torch.cat(
        [
            world2cam[..., :3, 3],
            quaternion_from_rotation(world2cam[..., :3, :3]),
            2 * torch.atan(half / focal),
        ],
        dim=-1,
    )
