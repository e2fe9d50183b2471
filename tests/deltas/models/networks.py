"""A narrow DELTAS, and batches whose geometry is known."""

from typing import Any

import torch

from vantage3d.deltas.models import DELTAS

SIZE = (48, 72)  # H, W


def narrow(**options: Any) -> DELTAS:
    """DELTAS with 24 keypoints and some 80 thousand weights."""
    torch.manual_seed(0)
    chosen = dict(
        width=8,
        blocks=(1, 1, 1, 1),
        descriptor_dim=16,
        keypoints=dict(num_kps=24, remove_borders=2, nms_radius=3),
        out_length=20,
    )
    return DELTAS(**{**chosen, **options})


def batch(samples: int = 2, views: int = 3, size=SIZE, baseline: float = 0.1) -> dict:
    """Random images of cameras in a row, seen from a world of their own."""
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(samples, views, 3, *size, generator=generator)
    K = torch.tensor([[60.0, 0, size[1] / 2], [0, 60, size[0] / 2], [0, 0, 1]])
    cam2world = torch.eye(4).repeat(samples, views, 1, 1)
    cam2world[..., 0, 3] = torch.arange(views) * baseline
    turned = torch.tensor([[0.0, -1, 0, 3], [1, 0, 0, -2], [0, 0, 1, 5], [0, 0, 0, 1]])
    return {
        "images": images,
        "K": K.repeat(samples, views, 1, 1),
        "cam2world": turned @ cam2world,
        "names": [f"room_{i}" for i in range(samples)],
    }


class SumOfOutputs(torch.nn.Module):
    """A criterion that every output has a part in."""

    def forward(self, outputs: dict, batch: dict) -> dict[str, torch.Tensor]:
        """Scalars by name."""
        pyramid = outputs["depth_pyramid"]
        return {
            "loss_ip": outputs["score_logits"].logsumexp(2).mean(),
            "loss_2d": (outputs["matches"] * outputs["range_kp"][..., None]).mean(),
            "loss_3d": outputs["points_anchor"].square().mean(),
            "loss_d": sum((depth - 2).square().mean() for depth in pyramid),
        }
