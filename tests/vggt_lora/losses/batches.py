"""The scene of the golden losses, written down again from its formulas."""

import math

import torch
from torch import Tensor

from vantage3d.geometry import invert_rigid, unproject

HEIGHT, WIDTH = 48, 64


def grids(frames: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """(S, H, W) each: frame, row and column of every pixel."""
    axes = (torch.arange(float(n)) for n in (frames, HEIGHT, WIDTH))
    s, y, x = torch.meshgrid(*axes, indexing="ij")
    return s, y, x


def yaw(angle: float) -> Tensor:
    c, s = math.cos(angle), math.sin(angle)
    return torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def wave_batch(samples: int = 1) -> dict[str, Tensor]:
    """Sample contract with ``samples`` copies of the scene."""
    s, y, x = grids()
    depths = 5 + 2 * torch.sin(0.2 * x + s) + 1.5 * torch.cos(0.15 * y)
    K = torch.tensor([[60.0, 0, 32], [0, 62, 24], [0, 0, 1]]).repeat(2, 1, 1)
    world2cam = torch.eye(4).repeat(2, 1, 1)
    world2cam[0, :3, :3], world2cam[1, :3, :3] = yaw(0.3), yaw(0.5)
    world2cam[:, :3, 3] = torch.tensor([[0.4, -0.2, 1.0], [-0.6, 0.1, 0.7]])
    batch = {
        "depth": depths,
        "valid": (7 * x + 3 * y + s) % 4 != 0,
        "K": K,
        "cam2world": invert_rigid(world2cam),
        "pixel_weights": torch.ones_like(depths),
        "semantics": torch.full_like(depths, -1, dtype=torch.int16),
        "images": torch.stack(
            [torch.sin(x + i * y + s) / 2 + 0.5 for i in range(3)], 1
        ),
    }
    return {key: torch.stack([value] * samples) for key, value in batch.items()}


def truth_of(batch: dict) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """world2cam, depth, world points and valid: what a scene is normalised from."""
    depth, cam2world = batch["depth"], batch["cam2world"]
    points = unproject(depth, batch["K"], cam2world)
    return invert_rigid(cam2world), depth, points, batch["valid"]


def wave_predictions(
    encodings: Tensor, depths: Tensor, points: Tensor
) -> dict[str, Tensor | list[Tensor]]:
    """Disturbed truth: (B, S, 9), (B, S, H, W) and (B, S, H, W, 3), all normalised."""
    s, y, x = grids()
    offset = torch.tensor([1, -1, 2, 0.5, -0.5, 0.2, -0.1, 0.3, -0.4])
    waves = torch.stack(
        [torch.sin(0.4 * x), torch.cos(0.3 * y), torch.sin(0.2 * x + 0.1 * y)], -1
    )
    conf = 1 + torch.exp(0.3 * torch.sin(0.1 * x + 0.2 * y + s))
    depth = 1.1 * depths + 0.05 * torch.sin(0.5 * x) * torch.cos(0.3 * y)
    outputs = {
        "pose_enc_list": [encodings + 0.1 * (i + 1) * offset for i in range(4)],
        "depth": depth[..., None],
        "depth_conf": conf.expand_as(depths).clone(),
        "world_points": 1.05 * points + 0.02 * waves,
        "world_points_conf": conf.expand_as(depths).clone(),
    }
    for value in outputs.values():
        for tensor in value if isinstance(value, list) else [value]:
            tensor.requires_grad_()
    return outputs
