"""Cameras from the camera tokens, refined in four rounds."""

import torch
from torch import Tensor, nn

from vantage3d.vggt_lora.models.blocks import Block, perceptron

ENCODING = 9  # translation, quaternion, two fields of view
ROUNDS = 4


class CameraHead(nn.Module):
    """Pose encodings of all frames.

    Args:
        dim_in: C, channels of the tokens.
        trunk_depth: Blocks, which attend over the frames.
        num_heads: Attention heads.
        mlp_ratio: Hidden channels per channel.
        init_values: Initial layer scale.
    """

    def __init__(
        self,
        dim_in: int,
        trunk_depth: int = 4,
        num_heads: int = 16,
        mlp_ratio: float = 4.0,
        init_values: float = 0.01,
    ) -> None:
        super().__init__()
        # Parameter names are those of the released checkpoints.
        sizes = (dim_in, num_heads, mlp_ratio, init_values)
        self.trunk = nn.Sequential(*(Block(*sizes) for _ in range(trunk_depth)))
        self.token_norm = nn.LayerNorm(dim_in)
        self.trunk_norm = nn.LayerNorm(dim_in)
        self.empty_pose_tokens = nn.Parameter(torch.zeros(1, 1, ENCODING))
        self.embed_pose = nn.Linear(ENCODING, dim_in)
        self.poseLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(dim_in, 3 * dim_in))
        self.adaln_norm = nn.LayerNorm(dim_in, eps=1e-6, elementwise_affine=False)
        self.pose_branch = perceptron(dim_in, dim_in // 2, ENCODING)
        # A field of view that starts below 0 has no gradient, and would stay there.
        nn.init.constant_(self.pose_branch.fc2.bias[7:], 0.2)

    def forward(self, tokens: Tensor) -> list[Tensor]:
        """Encodings after each round, the last is the best.

        Args:
            tokens: (B, S, C) camera tokens of the aggregator's last pair.

        Returns:
            Four of (B, S, 9): translation of world2cam in the model's units, quaternion
            (x, y, z, w) of any length, vertical and horizontal field of view in radians
            (0 where the raw value is negative).
        """
        tokens = self.token_norm(tokens)
        pose = self.empty_pose_tokens.expand(*tokens.shape[:2], -1)
        raw, encodings = tokens.new_zeros(pose.shape), []
        for _ in range(ROUNDS):
            modulation = self.poseLN_modulation(self.embed_pose(pose))
            shift, scale, gate = modulation.chunk(3, dim=-1)
            hidden = gate * (self.adaln_norm(tokens) * (1 + scale) + shift) + tokens
            raw = raw + self.pose_branch(self.trunk_norm(self.trunk(hidden)))
            encodings.append(torch.cat([raw[..., :7], raw[..., 7:].relu()], dim=-1))
            pose = raw = raw.detach()  # each round learns to improve what it is given
        return encodings
