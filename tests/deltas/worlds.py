"""A wall that the cameras face: every depth, pixel and point in closed form."""

import torch
from torch import Tensor

from vantage3d.geometry import scale_intrinsics
from vantage3d.geometry.cameras import pixel_grid

SIZE = (48, 64)


def intrinsics(views: int = 3, size: tuple[int, int] = SIZE) -> Tensor:
    """(1, V, 3, 3), another focal length in every view."""
    height, width = size
    K = torch.eye(3).repeat(1, views, 1, 1)
    K[..., 0, 2], K[..., 1, 2] = (width - 1) / 2, (height - 1) / 2
    for view in range(views):
        K[0, view, 0, 0] = K[0, view, 1, 1] = 0.9 * width + 3 * view
    return K


def wall_batch(
    distance: float = 2.0, baselines=(0.2, -0.15), size: tuple[int, int] = SIZE
) -> dict:
    """One sample: cameras side by side, turned a little, before the wall z = distance.

    The anchor is at the origin, so the wall has one depth in it.
    """
    views = 1 + len(baselines)
    K = intrinsics(views, size)
    cam2world = torch.eye(4).repeat(1, views, 1, 1)
    for view, baseline in enumerate(baselines, 1):
        cam2world[0, view, 0, 3] = baseline
        cam2world[0, view, 1, 3] = 0.05 * view
        cam2world[0, view, :3, :3] = about_y(0.05 * view)
    depth = torch.stack(
        [wall_depth(K[0, v], cam2world[0, v], distance, size) for v in range(views)]
    )
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, views, 3, *size, generator=generator)
    return dict(
        images=images, K=K, cam2world=cam2world, depth=depth[None], names=["wall"]
    )


def wall_depth(K: Tensor, cam2world: Tensor, distance: float, size) -> Tensor:
    """(H, W) depth of the wall, where the rays of a camera meet it."""
    pixels = pixel_grid(*size, K)
    ones = torch.ones_like(pixels[..., :1])
    rays = torch.cat([pixels, ones], -1) @ torch.linalg.inv(K).T
    toward_wall = rays @ cam2world[2, :3]
    return (distance - cam2world[2, 3]) / toward_wall


def about_y(angle: float) -> Tensor:
    c, s = torch.tensor(angle).cos(), torch.tensor(angle).sin()
    return torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def half(K: Tensor) -> Tensor:
    return scale_intrinsics(K, 0.5)


def outputs_of(batch: dict, keypoints: Tensor, scale: float = 1.0) -> dict:
    """What a network would return that is right but for ``scale``, with gradients."""
    views = batch["depth"].shape[1]
    height, width = batch["depth"].shape[-2:]
    count = keypoints.shape[1]
    truth = batch["depth"][:, 0]
    pyramid = [
        torch.nn.functional.interpolate(
            truth[:, None], (-(-height // s), -(-width // s)), mode="nearest-exact"
        )
        * scale
        for s in (8, 4, 2, 1)
    ]
    leaves = dict(
        score_logits=torch.zeros(1, views, 65, -(-height // 8), -(-width // 8)),
        matches=torch.zeros(1, views - 1, count, 2),
        points_anchor=torch.ones(1, count, 3),
    )
    for leaf in (*leaves.values(), *pyramid):
        leaf.requires_grad_()
    return leaves | dict(
        keypoints=keypoints,
        range_kp=torch.ones(1, views - 1, count, dtype=torch.bool),
        point_valid=torch.ones(1, count, dtype=torch.bool),
        depth_pyramid=pyramid,
    )
