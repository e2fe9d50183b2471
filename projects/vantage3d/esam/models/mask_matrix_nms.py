"""Matrix NMS (SOLOv2, Wang et al. 2020, section 3.3) on soft masks."""

import torch
from torch import Tensor

KERNELS = ("linear", "gaussian")


def mask_matrix_nms(
    masks: Tensor,
    labels: Tensor,
    scores: Tensor,
    kernel: str = "linear",
    sigma: float = 2.0,
) -> tuple[Tensor, Tensor]:
    """Lower the score of masks that repeat a better one of the same label.

    Areas and intersections are sums over the soft masks. Nothing is removed.

    Args:
        masks: (Q, N) probabilities.
        labels: (Q,) int64.
        scores: (Q,) higher is better.
        kernel: "linear" or "gaussian" decay with the overlap.
        sigma: Steepness of the gaussian decay.

    Returns:
        (Q,) decayed scores in descending order and (Q,) the row of ``masks`` that
        each belongs to.

    Raises:
        ValueError: If ``kernel`` is unknown.
    """
    if kernel not in KERNELS:
        raise ValueError(f"`kernel` must be one of {KERNELS}, got {kernel!r}")
    if len(scores) == 0:
        return scores, labels
    scores, order = scores.sort(descending=True, stable=True)
    overlap = _overlap_with_better(masks[order], labels[order])
    # What the better mask itself lost to still better ones (eq. 5).
    lost = overlap.amax(0)[:, None]
    if kernel == "gaussian":
        decay = torch.exp(sigma * (lost.square() - overlap.square()))
    else:
        # An exact copy of a better mask cannot suppress further masks: avoid 0 / 0.
        decay = (1 - overlap) / (1 - lost).clamp(min=1e-6)
    scores, rank = (scores * decay.amin(0)).sort(descending=True, stable=True)
    return scores, order[rank]


def _overlap_with_better(masks: Tensor, labels: Tensor) -> Tensor:
    """(Q, Q) IoU of row i with column j where i is better and has j's label, else 0."""
    intersection = masks @ masks.T
    area = masks.sum(1)
    union = area[:, None] + area[None] - intersection
    same = labels[:, None] == labels[None]
    return (intersection / union.clamp(min=1e-6) * same).triu(diagonal=1)
