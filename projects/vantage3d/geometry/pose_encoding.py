"""Cameras as nine numbers: translation, quaternion, fields of view."""

import torch
from torch import Tensor

from vantage3d.checks import check_shape


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


def rotation_from_quaternion(quaternion: Tensor) -> Tensor:
    """Rotation matrices of quaternions of any length.

    Args:
        quaternion: (..., 4), (x, y, z, w), not zero.

    Returns:
        (..., 3, 3).

    Raises:
        ValueError: If the last dimension is not 4.
    """
    check_shape("quaternion", quaternion, "... 4")
    x, y, z, w = quaternion.unbind(-1)
    s = 2 / quaternion.square().sum(-1)
    rows = [
        [1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
        [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
        [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def decode_pose(encoding: Tensor, image_size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Cameras of a pose encoding ``absT_quaR_FoV``; the reverse of :func:`encode_pose`.

    Args:
        encoding: (..., 9) as :func:`encode_pose` gives it; the quaternion may have any
            length.
        image_size: (H, W) pixels.

    Returns:
        (..., 4, 4) world2cam, and (..., 3, 3) K with the principal point at (W / 2,
        H / 2), infinite focal length where the field of view is 0.

    Raises:
        ValueError: If the shape is wrong.
    """
    check_shape("encoding", encoding, "... 9")
    height, width = image_size
    shape = encoding.shape[:-1]
    world2cam = torch.eye(4, dtype=encoding.dtype, device=encoding.device)
    world2cam = world2cam.repeat(*shape, 1, 1)
    world2cam[..., :3, :3] = rotation_from_quaternion(encoding[..., 3:7])
    world2cam[..., :3, 3] = encoding[..., :3]
    half = encoding.new_tensor([height / 2, width / 2])
    focal = half / torch.tan(encoding[..., 7:] / 2)
    K = encoding.new_zeros(*shape, 3, 3)
    K[..., 0, 0], K[..., 1, 1] = focal[..., 1], focal[..., 0]
    K[..., 0, 2], K[..., 1, 2], K[..., 2, 2] = width / 2, height / 2, 1
    return world2cam, K
