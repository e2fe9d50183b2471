"""Stand-in for the network of branch vggt_model, which replaces this file."""

import torch
from torch import Tensor, nn

from projects.registry import MODELS


class _Block(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = nn.ModuleDict(
            {"qkv": nn.Linear(dim, 3 * dim), "proj": nn.Linear(dim, dim)}
        )
        self.mlp = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.attn["qkv"](self.norm1(x)).chunk(3, -1)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.attn["proj"](mixed)
        return x + self.mlp(x)


@MODELS.register_module()
class VGGT(nn.Module):
    """Patch tokens, frame and global attention, a depth and a camera head."""

    def __init__(self, embed_dim: int = 16, depth: int = 2, patch_size: int = 14):
        super().__init__()
        self.patch_size = patch_size
        self.aggregator = nn.ModuleDict(
            {
                "patch_embed": nn.Conv2d(3, embed_dim, patch_size, patch_size),
                "frame_blocks": nn.ModuleList(_Block(embed_dim) for _ in range(depth)),
                "global_blocks": nn.ModuleList(_Block(embed_dim) for _ in range(depth)),
            }
        )
        self.camera_head = nn.Linear(embed_dim, 9)
        self.depth_head = nn.ModuleDict(
            {"projects": nn.ModuleList([nn.Conv2d(embed_dim, 2, 1)])}
        )

    def forward(self, images: Tensor, query_points: Tensor | None = None) -> dict:
        B, S, _, H, W = images.shape
        maps = self.aggregator["patch_embed"](images.flatten(0, 1))
        h, w = maps.shape[-2:]
        x = maps.flatten(2).transpose(1, 2)
        for frame, world in zip(
            self.aggregator["frame_blocks"], self.aggregator["global_blocks"]
        ):
            x = world(frame(x).reshape(B, S * h * w, -1)).reshape(B * S, h * w, -1)
        pose = self.camera_head(x.mean(1)).reshape(B, S, 9)
        maps = x.transpose(1, 2).reshape(B * S, -1, h, w)
        out = self.depth_head["projects"][0](maps)
        out = nn.functional.interpolate(out, (H, W), mode="bilinear")
        depth, conf = torch.exp(out).reshape(B, S, 2, H, W).unbind(2)
        return {
            "pose_enc_list": [pose],
            "pose_enc": pose,
            "depth": depth[..., None],
            "depth_conf": 1 + conf,
        }
