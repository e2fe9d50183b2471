"""The transformer block of all parts of VGGT: pre-norm, layer scale, rotary positions.

RoPE in two dimensions is after arXiv 2104.09864.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from vantage3d.checks import check_shape

FREQUENCY = 100.0
TABLES_KEPT = 8
PART = 4096  # tokens at a time where no gradient is wanted


class RotaryTable(NamedTuple):
    """Rotations of the tokens of a frame, (P, 2, d / 4): token, y or x, frequency."""

    cos: Tensor
    sin: Tensor


class RotaryTables:
    """Tables by grid, device and type, made once and without asking the device.

    Patch (row i, column j) is at (i + 1, j + 1) and a special token at (0, 0), where
    the rotation is the identity.

    Args:
        head_dim: d, channels of an attention head; half of them turn with y, half with
            x.
        special: Tokens in front of the patches.

    Raises:
        ValueError: If ``head_dim`` is no multiple of four.
    """

    def __init__(self, head_dim: int, special: int) -> None:
        if head_dim % 4:
            raise ValueError(
                f"`embed_dim` / `num_heads` must be a multiple of 4, got {head_dim}: "
                "rotary positions turn pairs of channels along two axes"
            )
        self.head_dim, self.special = head_dim, special
        self._tables: dict[tuple, RotaryTable] = {}

    def __call__(self, height: int, width: int, like: Tensor) -> RotaryTable:
        """Table of a grid, with the device and type of ``like``."""
        key = (height, width, like.device, like.dtype)
        if key not in self._tables:
            if len(self._tables) == TABLES_KEPT:  # aspects of a long training differ
                del self._tables[next(iter(self._tables))]
            # What inference mode makes, a later training step could not use.
            with torch.inference_mode(False):
                self._tables[key] = self._make(height, width, like)
        return self._tables[key]

    def _make(self, height: int, width: int, like: Tensor) -> RotaryTable:
        quarter = self.head_dim // 4
        exponents = torch.arange(quarter, device=like.device) / quarter
        rows = torch.arange(1, height + 1, device=like.device)
        columns = torch.arange(1, width + 1, device=like.device)
        grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1)
        special = grid.new_zeros(self.special, 2)
        positions = torch.cat([special, grid.flatten(0, 1)])
        angles = positions[..., None] * FREQUENCY**-exponents
        return RotaryTable(angles.cos().to(like.dtype), angles.sin().to(like.dtype))


def rotate(tokens: Tensor, table: RotaryTable) -> Tensor:
    """Turn queries or keys by their positions.

    Args:
        tokens: (..., n P, d): the tokens of n frames one after the other.
        table: Rotations of the P tokens of a frame.

    Returns:
        (..., n P, d).

    Raises:
        ValueError: If the tokens are not whole frames.
    """
    count, _, quarter = table.cos.shape
    if tokens.shape[-2] % count:
        check_shape("tokens", tokens, f"... {count} {4 * quarter}")
    # the two channels that turn together are a quarter of d apart, in each half
    pairs = tokens.unflatten(-1, (2, 2, quarter)).unflatten(-4, (-1, count))
    first, second = pairs.unbind(-2)
    turned = (
        first * table.cos - second * table.sin,
        second * table.cos + first * table.sin,
    )
    return torch.stack(turned, -2).reshape(tokens.shape)


class Attention(nn.Module):
    """Self-attention; query, key and value come packed from one layer.

    With ``qk_norm`` queries and keys are normalised per head.

    Raises:
        ValueError: If the heads do not divide the channels.
    """

    def __init__(self, dim: int, num_heads: int, qk_norm: bool = False) -> None:
        super().__init__()
        if dim % num_heads:
            raise ValueError(f"`num_heads` must divide {dim} channels, got {num_heads}")
        self.num_heads = num_heads
        # Parameter names are those of the released checkpoints.
        self.qkv = nn.Linear(dim, 3 * dim)
        head_dim = dim // num_heads
        self.q_norm = nn.LayerNorm(head_dim) if qk_norm else nn.Identity()
        self.k_norm = nn.LayerNorm(head_dim) if qk_norm else nn.Identity()
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor, rotary: RotaryTable | None = None) -> Tensor:
        """(B, N, C) from (B, N, C); ``rotary`` turns queries and keys."""
        out = scaled_dot_product_attention(*self._heads(tokens, rotary))
        return self.proj(out.transpose(1, 2).flatten(2))

    def _heads(self, tokens: Tensor, rotary: RotaryTable | None) -> list[Tensor]:
        """Queries, keys and values, each (B, heads, N, C / heads)."""
        N, frame = tokens.shape[1], 1 if rotary is None else len(rotary.cos)
        size = max(PART // frame, 1) * frame  # whole frames
        if torch.is_grad_enabled() or size >= N:
            return self._project(tokens, rotary)
        whole: list[Tensor] = []
        for start in range(0, N, size):
            part = self._project(tokens[:, start : start + size], rotary)
            if not whole:  # in the type that autocast gives the products
                shape = (*part[2].shape[:2], N, part[2].shape[3])
                whole = [part[2].new_empty(shape) for _ in part]
            for target, values in zip(whole, part):
                target[:, :, start : start + size] = values
        return whole

    def _project(self, tokens: Tensor, rotary: RotaryTable | None) -> list[Tensor]:
        qkv = self.qkv(tokens).unflatten(-1, (3, self.num_heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        q, k = self.q_norm(q), self.k_norm(k)
        if rotary is not None:
            q, k = rotate(q, rotary), rotate(k, rotary)
        return [q, k, v]


def perceptron(width: int, hidden: int, out: int | None = None) -> nn.Module:
    """timm's two linear layers; timm takes more than a second, once one is made."""
    from timm.layers import Mlp

    return Mlp(width, hidden, out)


class Block(nn.Module):
    """Attention and a two-layer perceptron, each added to its input.

    The perceptron has ``mlp_ratio`` hidden channels per channel, the layer scales start
    at ``init_values``; ``eps`` of the norms is 1e-6 inside DINOv2, 1e-5 elsewhere.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        init_values: float = 0.01,
        qk_norm: bool = False,
        eps: float = 1e-5,
    ) -> None:
        from timm.layers import LayerScale

        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=eps)
        self.attn = Attention(dim, num_heads, qk_norm)
        self.ls1 = LayerScale(dim, init_values)
        self.norm2 = nn.LayerNorm(dim, eps=eps)
        self.mlp = perceptron(dim, int(dim * mlp_ratio))
        self.ls2 = LayerScale(dim, init_values)

    def forward(self, tokens: Tensor, rotary: RotaryTable | None = None) -> Tensor:
        """(B, N, C) from (B, N, C); ``rotary`` turns queries and keys."""
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens), rotary))
        if torch.is_grad_enabled():
            return self._feed(tokens)
        return torch.cat([self._feed(x) for x in tokens.split(PART, dim=1)], dim=1)

    def _feed(self, tokens: Tensor) -> Tensor:
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


def run(module: nn.Module, checkpointing: bool, *inputs: Any) -> Tensor:
    """``module(*inputs)``, with no more memory for the backward pass than it needs.

    Where no gradient goes through, as in frozen blocks in front of the first trained
    one, the module runs without a graph, whatever ``checkpointing`` says.

    Args:
        module: Returns one tensor.
        checkpointing: Compute its inner values again in the backward pass.
        *inputs: Arguments.
    """
    if not (torch.is_grad_enabled() and _has_gradient(module, inputs)):
        with torch.no_grad():
            return module(*inputs)
    if checkpointing:
        return checkpoint(module, *inputs, use_reentrant=False)
    return module(*inputs)


def run_frames(module: nn.Module, checkpointing: bool, *inputs: Any) -> Tensor:
    """:func:`run` for a module that treats frames, the first axis, independently.

    Without a gradient it sees a few of them at a time, which costs no time and leaves
    less of its inner values in memory.
    """
    tokens, *others = inputs
    if torch.is_grad_enabled() and _has_gradient(module, inputs):
        return run(module, checkpointing, *inputs)
    parts = tokens.split(max(PART // tokens.shape[1], 1))
    return torch.cat([run(module, False, part, *others) for part in parts])


def _has_gradient(module: nn.Module, inputs: Sequence[Any]) -> bool:
    tensors = (x for x in (*inputs, *module.parameters()) if isinstance(x, Tensor))
    return any(x.requires_grad for x in tensors)
