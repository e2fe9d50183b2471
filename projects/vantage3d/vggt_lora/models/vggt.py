"""VGGT: cameras, depth, points and tracks from images (arXiv 2503.11651)."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vantage3d.backbones2d.weights import State, find_released, load_backbone
from vantage3d.checks import check_choice, check_shape
from vantage3d.engine.launch import weights_file
from vantage3d.io.released_weights import RELEASED
from vantage3d.registry import MODELS
from vantage3d.vggt_lora.models.aggregator import (
    SIZES,
    SPECIAL,
    Aggregator,
    DinoVisionTransformer,
)
from vantage3d.vggt_lora.models.blocks import run
from vantage3d.vggt_lora.models.camera_head import CameraHead
from vantage3d.vggt_lora.models.dpt_head import DPTHead, activate, inv_log
from vantage3d.vggt_lora.models.track_head import TrackHead

Sizes = Mapping[str, Any]
Kept = Mapping[int, Tensor]
HUB = "hub"
HEADS = ("camera_head", "point_head", "depth_head", "track_head")


@MODELS.register_module()
class VGGT(nn.Module):
    """Feed-forward geometry of S frames; the defaults are the released 1B model.

    The world is the first camera, and lengths are in units of the scene's size as seen
    in training, not metres.

    Args:
        img_size: Pixels of a side of the images whose grid of positions is stored.
            Images of every other size and aspect can be given.
        patch_size: Pixels of a side of a patch.
        embed_dim: C, channels.
        depth: Pairs of a frame block and a global block.
        num_heads: Attention heads.
        mlp_ratio: Hidden channels per channel.
        init_values: Initial layer scale.
        patch_embed: The tokeniser: "dinov2_vit{s,b,l}14_reg", or dict(embed_dim, depth,
            num_heads).
        camera_head: Arguments of :class:`CameraHead`.
        dpt: Widths and layers of depth and point head: features, out_channels,
            intermediate_layer_idx of :class:`DPTHead`.
        track_head: Arguments of :class:`TrackHead`.
        enable_camera: Whether there is a camera head.
        enable_point: Whether there is a point head.
        enable_depth: Whether there is a depth head.
        enable_track: Whether there is a track head.
        checkpointing: Compute the inside of blocks and dense heads again in the
            backward pass: less memory, a third more time.
        frames_chunk_size: Frames that a dense head takes at a time.

    Raises:
        ValueError: If sizes do not fit each other.
    """

    def __init__(
        self,
        img_size: int = 518,
        patch_size: int = 14,
        embed_dim: int = 1024,
        depth: int = 24,
        num_heads: int = 16,
        mlp_ratio: float = 4.0,
        init_values: float = 0.01,
        patch_embed: str | dict[str, int] = "dinov2_vitl14_reg",
        camera_head: Sizes | None = None,
        dpt: Sizes | None = None,
        track_head: Sizes | None = None,
        enable_camera: bool = True,
        enable_point: bool = True,
        enable_depth: bool = True,
        enable_track: bool = True,
        checkpointing: bool = False,
        frames_chunk_size: int = 8,
    ) -> None:
        super().__init__()
        self.patch_size, self.depth = patch_size, depth
        self.checkpointing, self.frames_chunk_size = checkpointing, frames_chunk_size
        tokeniser = patch_embed
        if isinstance(tokeniser, str):
            check_choice("patch_embed", tokeniser, SIZES, fix="Or give its sizes.")
            tokeniser = SIZES[tokeniser]
        if tokeniser["embed_dim"] != embed_dim:
            raise ValueError(
                "`patch_embed` must make tokens of `embed_dim` channels: expected "
                f"{embed_dim}, got {tokeniser['embed_dim']}"
            )
        # Parameter names are those of the released checkpoints; a head that is not
        # enabled is None and has no parameters.
        tokens = DinoVisionTransformer(
            img_size, patch_size, **tokeniser, checkpointing=checkpointing
        )
        sizes = (embed_dim, depth, num_heads, mlp_ratio, init_values)
        self.aggregator = Aggregator(tokens, *sizes, checkpointing)
        dim = 2 * embed_dim
        camera, levels, track = camera_head or {}, dpt or {}, track_head or {}
        self.camera_head = CameraHead(dim, **camera) if enable_camera else None
        dense = partial(DPTHead, dim, patch_size, **levels)
        # values and their confidence
        self.point_head = dense(4) if enable_point else None
        self.depth_head = dense(2) if enable_depth else None
        self.track_head = TrackHead(dim, patch_size, **track) if enable_track else None
        self.kept_layers = self._needed_layers()

    def _needed_layers(self) -> tuple[int, ...]:
        """The aggregator's layers that some head reads."""
        layers = {self.depth - 1} if self.camera_head else set()
        for head in (self.point_head, self.depth_head):
            layers |= set(head.layers if head else ())
        if self.track_head:
            layers |= set(self.track_head.feature_extractor.layers)
        beyond = [layer for layer in layers if not 0 <= layer < self.depth]
        if beyond:
            raise ValueError(
                f"`intermediate_layer_idx` must name layers 0..{self.depth - 1}, got "
                f"{sorted(beyond)}. Name four of this `depth`, its last one included"
            )
        return tuple(sorted(layers))

    def forward(
        self, images: Tensor, query_points: Tensor | None = None
    ) -> dict[str, Any]:
        """All that the enabled heads know of a scene.

        The aggregator computes in the type that autocast says, the heads in float32.

        Args:
            images: (B, S, 3, H, W) in [0, 1]; H and W multiples of ``patch_size``.
            query_points: (B, N, 2) pixels (x, y) of the first frame to be tracked.

        Returns:
            ``pose_enc`` (B, S, 9) and ``pose_enc_list``, that of each round (see
            :func:`vantage3d.geometry.pose_encoding.decode_pose`); ``depth``
            (B, S, H, W, 1) z-depth and ``depth_conf`` (B, S, H, W) >= 1;
            ``world_points`` (B, S, H, W, 3) in the first camera's frame and
            ``world_points_conf`` (B, S, H, W). With ``query_points`` also ``track``
            (B, S, N, 2) pixels, ``vis`` and ``conf`` (B, S, N) probabilities.

        Raises:
            ValueError: If the images have another shape, or points are to be tracked
                without a track head.
        """
        self._check(images, query_points)
        kept = self.aggregator(images, self.kept_layers)
        outputs: dict[str, Any] = {}
        with torch.autocast(images.device.type, enabled=False):
            if self.camera_head is not None:
                tokens = kept[self.depth - 1][:, :, 0].float()
                outputs["pose_enc_list"] = self.camera_head(tokens)
                outputs["pose_enc"] = outputs["pose_enc_list"][-1]
            for name, head, activation in (
                ("depth", self.depth_head, torch.exp),
                ("world_points", self.point_head, inv_log),
            ):
                if head is not None:
                    values, conf = activate(self._maps(head, kept, images), activation)
                    outputs[name], outputs[f"{name}_conf"] = values, conf
            if query_points is not None and self.track_head is not None:
                maps = self._maps(self.track_head.feature_extractor, kept, images)
                tracks = self.track_head.tracker(maps, query_points.float())
                outputs |= zip(("track", "vis", "conf"), tracks)
        return outputs

    def _maps(self, head: DPTHead, kept: Kept, images: Tensor) -> Tensor:
        """(B, S, D, H / down, W / down) of a head, a chunk of frames at a time.

        Without gradients, memory beside the result is that of one chunk.
        """
        size = (images.shape[-2], images.shape[-1])
        levels = [kept[layer].flatten(0, 1) for layer in head.layers]
        chunks = zip(*(level.split(self.frames_chunk_size) for level in levels))
        maps = []
        for chunk in chunks:
            patches = (tokens[:, SPECIAL:].float() for tokens in chunk)
            maps.append(run(head, self.checkpointing, size, *patches))
        return torch.cat(maps).unflatten(0, images.shape[:2])

    def _check(self, images: Tensor, query_points: Tensor | None) -> None:
        fix = "Stack the frames of a sample, and samples of one size."
        dims = check_shape("images", images, "B S 3 H W", fix=fix)
        if dims["H"] % self.patch_size or dims["W"] % self.patch_size:
            raise ValueError(
                f"`images` must have sides that are multiples of {self.patch_size}, "
                f"got {dims['H']} x {dims['W']}. Resize or crop them, and K with them."
            )
        if query_points is not None:
            check_shape("query_points", query_points, "B N 2", dims={"B": dims["B"]})
            if self.track_head is None:
                raise ValueError(
                    "`query_points` must be None without a track head, got "
                    f"{dims}. Build the model with enable_track=True."
                )


def load_vggt(net: VGGT, weights: str | Path) -> str:
    """Load the released weights, or others of the same names.

    What the file has for a head that ``net`` was built without is left out, and logged.

    Args:
        net: A VGGT, before adapters change its names.
        weights: ``model.pt`` or ``model.safetensors`` as released, or what
            ``torch.save`` made of a state dict; a work dir stands for its newest
            checkpoint; "hub" looks for the released file in the folder of pretrained
            weights, and downloads it if it is not there.

    Returns:
        SHA-256 of the file.

    Raises:
        FileNotFoundError: If there is no file; it says what to download.
        CheckpointError: If the file is damaged or a key does not fit; all are named.
    """
    absent = [head for head in HEADS if getattr(net, head) is None]

    def without_absent(state: State) -> tuple[State, list[str]]:
        kept = {k: v for k, v in state.items() if k.partition(".")[0] not in absent}
        left = len(state) - len(kept)
        note = f"{left} keys left out: the model has no {' and no '.join(absent)}"
        return kept, [note] if left else []

    if weights != HUB and Path(weights).is_dir():
        weights = weights_file(Path(weights))
    path = find_released(RELEASED["vggt_1b"], None if weights == HUB else weights)
    return load_backbone(net, path, without_absent)
