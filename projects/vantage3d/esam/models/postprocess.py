"""From the decoder's logits of one frame to scored instances.

Matrix NMS is that of SOLOv2 (Wang et al. 2020, section 3.3), on soft masks.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vantage3d.checks import check_choice


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
    check_choice("kernel", kernel, ("linear", "gaussian"))
    if len(scores) == 0:
        return scores, labels
    scores, order = scores.sort(descending=True, stable=True)
    masks, labels = masks[order], labels[order]
    # (Q, Q) IoU of row i with column j where i is better and has j's label, else 0.
    intersection, area = masks @ masks.T, masks.sum(1)
    union = area[:, None] + area[None] - intersection
    same = labels[:, None] == labels[None]
    overlap = (intersection / union.clamp(min=1e-6) * same).triu(diagonal=1)
    # What the better mask itself lost to still better ones (eq. 5).
    lost = overlap.amax(0)[:, None]
    if kernel == "gaussian":
        decay = torch.exp(sigma * (lost.square() - overlap.square()))
    else:
        # An exact copy of a better mask cannot suppress further masks: avoid 0 / 0.
        decay = (1 - overlap) / (1 - lost).clamp(min=1e-6)
    scores, rank = (scores * decay.amin(0)).sort(descending=True, stable=True)
    return scores, order[rank]


@dataclass(frozen=True)
class InstancePostProcess:
    """The ``test_cfg`` of the detectors.

    Attributes:
        topk_insts: Pairs of query and class that are kept for a frame.
        inst_score_thr: Instances must score above this.
        npoint_thr: Instances must have more points than this.
        obj_normalization: Multiply scores by the mean probability inside the mask.
        sp_score_thr: Mask probability above which a point belongs to the instance.
        nms: Lower the score of repeated masks by matrix NMS.
        matrix_nms_kernel: "linear" or "gaussian".
    """

    topk_insts: int = 100
    inst_score_thr: float = 0.0
    npoint_thr: int = 100
    obj_normalization: bool = True
    sp_score_thr: float = 0.4
    nms: bool = True
    matrix_nms_kernel: str = "linear"

    def __call__(
        self,
        cls: Tensor,
        masks: Tensor,
        num_classes: int,
        quality: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Instances of one frame, best first where ``nms`` is on.

        Args:
            cls: (Q, K + 1) class logits, the last column "no object".
            masks: (Q, N) mask logits.
            num_classes: 1 to merge the classes, else K.
            quality: (Q, 1) predicted IoU of the masks, or None.

        Returns:
            (I, N) bool masks, (I,) int64 labels, (I,) scores and (I,) int64 queries.
        """
        scores = cls.float().softmax(1)[:, :-1]
        if num_classes == 1:
            scores = scores.sum(1, keepdim=True)
        if quality is not None:
            scores = scores * quality
        number = min(self.topk_insts, scores.numel())
        scores, best = scores.flatten().topk(number)
        labels, queries = best % num_classes, best // num_classes
        logits = masks[queries].float()
        probs = logits.sigmoid()
        if self.obj_normalization:
            inside = logits > 0
            scores = scores * (probs * inside).sum(1) / (inside.sum(1) + 1e-6)
        if self.nms:
            scores, rank = mask_matrix_nms(
                probs, labels, scores, self.matrix_nms_kernel
            )
            probs, labels, queries = probs[rank], labels[rank], queries[rank]
        binary = probs > self.sp_score_thr
        keep = (scores > self.inst_score_thr) & (binary.sum(1) > self.npoint_thr)
        return binary[keep], labels[keep], scores[keep], queries[keep]


def build_postprocess(test_cfg: dict | None) -> InstancePostProcess:
    """Post-processing with the options of ``test_cfg``.

    Raises:
        ValueError: If an option is unknown.
    """
    options = dict(test_cfg or {})
    known = sorted(InstancePostProcess.__dataclass_fields__)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"`test_cfg` has unknown options {unknown}; known are {known}")
    return InstancePostProcess(**options)


def semantic_of_points(sem: Tensor, superpoints: Tensor) -> Tensor:
    """(N,) int64 class 0..n_sem-1 of each point, that of its superpoint (N,).

    ``sem`` (M, n_sem + 1) are logits of the superpoints, the last column "no class".
    """
    return torch.argmax(sem[:, :-1], dim=1)[superpoints]
