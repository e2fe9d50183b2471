"""SuperPoint as the teacher of interest points: transformers' class, your weights.

The only file that imports transformers. The weights are Magic Leap's, for noncommercial
research; they are neither shipped nor downloaded.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from vantage3d.deltas.losses.interest_points import (
    cell_labels,
    remove_border,
    suppress_neighbours,
    to_gray,
)
from vantage3d.engine.checkpoints.file import read_checkpoint
from vantage3d.engine.errors import CheckpointError
from vantage3d.registry import TASK_UTILS

# superpoint_v1.pth of the authors to transformers' names.
AUTHORS_NAMES = (
    (r"conv([1-4])([ab])\.", r"encoder.conv_blocks.{}.conv_{}."),
    (r"convP([ab])\.", r"keypoint_decoder.conv_score_{}."),
    (r"convD([ab])\.", r"descriptor_decoder.conv_descriptor_{}."),
)


@TASK_UTILS.register_module()
class SuperPointTeacher:
    """Interest points of a frozen SuperPoint.

    The network is read when it is first asked, so a config that names weights which
    are not there can be built and looked at, but trains no step.

    Args:
        weights: File with the weights: ``.safetensors`` or ``.pth`` of transformers'
            ``SuperPointForKeypointDetection``, or the authors' ``superpoint_v1.pth``.
        threshold: Score that a point must exceed: 0.015 in the authors' demo, 0.005 in
            transformers.
        nms_radius: Pixels around a point without another.
        border: Pixels without points along the border.
    """

    soft = True

    def __init__(
        self,
        weights: str,
        threshold: float = 0.005,
        nms_radius: int = 4,
        border: int = 4,
    ) -> None:
        self.weights = Path(weights).expanduser()
        self.threshold = threshold
        self.nms_radius = nms_radius
        self.border = border
        self._net: nn.Module | None = None

    def labels(self, images: Tensor) -> Tensor:
        """(B, H/8, W/8) int64 classes of (B, 3, H, W) images in [0, 1]."""
        shares = self.logits(images).softmax(1)[:, :-1]
        scores = nn.functional.pixel_shuffle(shares, 8)[:, 0]
        scores = suppress_neighbours(scores, self.nms_radius)
        return cell_labels(remove_border(scores, self.border), self.threshold)

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """(B, 65, H/8, W/8) logits of (B, 3, H, W) images in [0, 1].

        Raises:
            FileNotFoundError: If the weights are not there.
            CheckpointError: If the file is of another network.
        """
        if self._net is None:
            self._net = load_superpoint(self.weights)
        net: Any = self._net.to(images.device)
        features = net.encoder(to_gray(images).float())[0]
        decoder = net.keypoint_decoder
        return decoder.conv_score_b(decoder.relu(decoder.conv_score_a(features)))


def load_superpoint(path: Path) -> nn.Module:
    """transformers' SuperPoint with the weights of a file, frozen.

    Raises:
        FileNotFoundError: If the file is not there.
        CheckpointError: If it is of another network.
    """
    from transformers import SuperPointConfig, SuperPointForKeypointDetection

    if not path.is_file():
        raise FileNotFoundError(
            f"SuperPoint weights {path} do not exist. They are Magic Leap's, for "
            "noncommercial research: download superpoint_v1.pth from its authors, or "
            "model.safetensors of magic-leap-community/superpoint, and name the file "
            "in `weights`. Without them use teacher=dict(type='CornerTeacher')"
        )
    net = SuperPointForKeypointDetection(SuperPointConfig())
    checkpoint = read_checkpoint(str(path))
    state = transformers_names(checkpoint.get("state_dict", checkpoint))
    expected = net.state_dict()
    wrong = [
        key
        for key in {**expected, **state}
        if key not in state
        or key not in expected
        or state[key].shape != expected[key].shape
    ]
    if wrong:
        raise CheckpointError(
            f"{path} does not hold SuperPoint's weights: {len(wrong)} of "
            f"{len(expected)} tensors are missing, unknown or of another shape, "
            f"such as {wrong[0]}. Name the right file"
        )
    net.load_state_dict(state)
    print_log(f"interest points: distilled from SuperPoint of {path}", "current")
    return net.eval().requires_grad_(False)


def transformers_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with the names of transformers, whichever it had."""
    renamed = {}
    for key, value in state.items():
        for pattern, name in AUTHORS_NAMES:
            if match := re.match(pattern, key):
                *block, layer = match.groups()
                block = [int(number) - 1 for number in block]
                key = name.format(*block, layer) + key[match.end() :]
                break
        renamed[key] = value
    return renamed
