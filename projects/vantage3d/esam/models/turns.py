"""Test-time augmentation: one answer from a frame seen flipped and turned.

In prediction every superpoint is a query, whichever way the frame is turned, so the
answers correspond one to one and their probabilities are averaged.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import torch
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

# (flipped, degrees about the vertical axis); the first is the frame as it is
TURNS = tuple(product((False, True), (0, 90, 180, 270)))


def turned(
    inputs: dict, data_samples: Sequence[Det3DDataSample], flip: bool, angle_deg: int
) -> tuple[dict, list[Det3DDataSample]]:
    """A batch flipped and turned, with the record that leads image features back.

    Raises:
        ValueError: If a frame was augmented before.
    """
    if not flip and not angle_deg:
        return inputs, list(data_samples)
    angle = math.radians(angle_deg)
    cos, sin = round(math.cos(angle)), round(math.sin(angle))
    rotation = torch.tensor([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]])
    signs = torch.tensor([-1.0 if flip else 1.0, 1, 1])
    matrix = signs[:, None] * rotation
    points = [
        torch.cat([frame[:, :3] @ matrix.to(frame), frame[:, 3:]], dim=1)
        for frame in inputs["points"]
    ]
    samples = []
    for sample in data_samples:
        if flow := sample.metainfo.get("transformation_3d_flow"):
            raise ValueError(
                f"sample {sample.metainfo.get('sample_idx')} was augmented before by "
                f"{list(flow)}: --tta wants frames as they are. Take these steps out "
                "of the test pipeline"
            )
        sample = sample.clone()
        steps = ["HF", "R"] if flip else ["R"]
        sample.set_metainfo(
            {"transformation_3d_flow": steps, "pcd_rotation": rotation.numpy()}
        )
        samples.append(sample)
    return {**inputs, "points": points}, samples


def mean_answer(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the decoder would say with the mean probabilities of several answers.

    Args:
        answers: Outputs of the decoder for the same queries; per frame ``cls_preds``
            and ``sem_preds`` logits of classes, ``masks`` logits of points or
            superpoints, ``scores`` or None.
    """
    frames = range(len(answers[0]["masks"]))

    def each(key: str) -> list[list[Tensor]]:
        return [[answer[key][i] for answer in answers] for i in frames]

    scores = answers[0]["scores"]
    return {
        "cls_preds": [_classes(logits) for logits in each("cls_preds")],
        "sem_preds": [_classes(logits) for logits in each("sem_preds")],
        "masks": [_masks(logits) for logits in each("masks")],
        "scores": scores and [torch.stack(s).mean(0) for s in each("scores")],
    }


def _classes(logits: list[Tensor]) -> Tensor:
    return torch.stack(logits).softmax(-1).mean(0).log()


def _masks(logits: list[Tensor]) -> Tensor:
    return torch.stack(logits).sigmoid().mean(0).logit(eps=1e-6)
