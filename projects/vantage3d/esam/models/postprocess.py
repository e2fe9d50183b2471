"""From the decoder's logits of one frame to scored instances."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vantage3d.esam.models.mask_matrix_nms import mask_matrix_nms


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
    """Class of each point, that of its superpoint.

    Args:
        sem: (M, n_sem + 1) logits of the superpoints, the last column "no class".
        superpoints: (N,) int64.

    Returns:
        (N,) int64 in 0..n_sem-1.
    """
    return torch.argmax(sem[:, :-1], dim=1)[superpoints]
