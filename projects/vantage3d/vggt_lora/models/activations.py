"""From raw channels to values and confidence."""

from collections.abc import Callable

import torch
from torch import Tensor


def inv_log(raw: Tensor) -> Tensor:
    """sign(y) (e^|y| - 1), the inverse of sign(x) log(1 + |x|)."""
    return raw.sign() * torch.expm1(raw.abs())


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": torch.exp,
    "inv_log": inv_log,
}


def activate(raw: Tensor, activation: str) -> tuple[Tensor, Tensor]:
    """Values and confidence of a dense head.

    Args:
        raw: (..., D + 1, H, W), the confidence in the last channel.
        activation: Of the values, one of :data:`ACTIVATIONS`.

    Returns:
        (..., H, W, D) values and (..., H, W) confidence, 1 + e^c.
    """
    raw = raw.movedim(-3, -1)
    return ACTIVATIONS[activation](raw[..., :-1]), 1 + raw[..., -1].exp()
