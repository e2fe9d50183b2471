"""Wrong poses on purpose: what an evaluation must notice."""

from collections.abc import Callable
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from vantage3d.checks import check_choice
from vantage3d.geometry import invert_rigid
from vantage3d.registry import HOOKS


def stride(cam2world: Tensor) -> Tensor:
    """Rows read with a stride of four where there are three a pose.

    The rows of view v are moved round by v, rotation and translation alike: still rigid
    transforms, about 120 degrees apart.

    Args:
        cam2world: (B, V, 4, 4) rigid transforms.
    """
    wrong = cam2world.clone()
    for view in range(cam2world.shape[1]):
        wrong[:, view, :3] = cam2world[:, view, :3].roll(view % 3, dims=1)
    return wrong


def inverted(cam2world: Tensor) -> Tensor:
    """World to camera taken for camera to world; (B, V, 4, 4)."""
    return invert_rigid(cam2world)


MISTAKES: dict[str, Callable[[Tensor], Tensor]] = {
    "stride": stride,
    "inverted": inverted,
}


@HOOKS.register_module()
class WrongPosesHook(Hook):
    """Spoils the poses of every test batch, for the control row of a study.

    Args:
        mistake: "stride" or "inverted".
    """

    def __init__(self, mistake: str) -> None:
        check_choice("mistake", mistake, MISTAKES)
        self.mistake = mistake

    def before_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Replace the poses of the batch."""
        inputs = data_batch["inputs"]
        with torch.no_grad():
            inputs["cam2world"] = MISTAKES[self.mistake](inputs["cam2world"])
