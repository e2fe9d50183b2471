"""The training loss of the ESAM detectors."""

from collections.abc import Sequence

from torch import Tensor

from vantage3d.esam.losses.targets import FrameTargets
from vantage3d.registry import MODELS


@MODELS.register_module()
class ScanNetMixedCriterion:
    """Instance losses of every head and the semantic loss of the last one.

    With one instance class (class-agnostic) every instance takes part as class 0.

    Args:
        num_semantic_classes: n_sem; targets are split by it.
        sem_criterion: Config of the semantic criterion.
        inst_criterion: Config of the instance criterion.
    """

    def __init__(
        self, num_semantic_classes: int, sem_criterion: dict, inst_criterion: dict
    ) -> None:
        self.num_semantic_classes = num_semantic_classes
        self.sem_criterion = MODELS.build(sem_criterion)
        self.inst_criterion = MODELS.build(inst_criterion)

    def __call__(
        self, pred: dict, targets: Sequence[FrameTargets], mask_modes: Sequence[str]
    ) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            pred: Output of ScanNetMixQueryDecoder.
            targets: One per frame.
            mask_modes: Per head "SP" or "P", intermediate heads first.

        Returns:
            ``inst_loss`` and ``seg_loss``, differentiable scalars.
        """
        if pred["cls_preds"][0].shape[1] == 2:
            targets = [target.class_agnostic() for target in targets]
        semantic = [target.semantic for target in targets]
        return {
            "inst_loss": self.inst_criterion(pred, targets, mask_modes),
            "seg_loss": self.sem_criterion(pred["sem_preds"], semantic),
        }
