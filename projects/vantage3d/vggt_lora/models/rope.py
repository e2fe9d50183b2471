"""Rotary positions in two dimensions (RoPE, arXiv 2104.09864)."""

from typing import NamedTuple

import torch
from torch import Tensor

from vantage3d.checks import check_shape

FREQUENCY = 100.0
TABLES_KEPT = 8


class RotaryTable(NamedTuple):
    """Rotations of the tokens of one frame.

    Attributes:
        cos: (P, 2, d / 4): token, axis (y, then x), frequency.
        sin: As ``cos``.
    """

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
