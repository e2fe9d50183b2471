"""Training losses of the ESAM models."""

from projects.esam.losses.box_loss import AxisAlignedIoULoss
from projects.esam.losses.instance_criterion import (
    InstanceCriterion,
    MixedInstanceCriterion,
)
from projects.esam.losses.matcher import (
    MaskBCECost,
    MaskDiceCost,
    QueryClassificationCost,
    SparseMatcher,
)
from projects.esam.losses.mixed_criterion import ScanNetMixedCriterion
from projects.esam.losses.semantic_criterion import ScanNetSemanticCriterion
from projects.esam.losses.targets import FrameTargets, frame_targets

__all__ = [
    "AxisAlignedIoULoss",
    "FrameTargets",
    "InstanceCriterion",
    "MaskBCECost",
    "MaskDiceCost",
    "MixedInstanceCriterion",
    "QueryClassificationCost",
    "ScanNetMixedCriterion",
    "ScanNetSemanticCriterion",
    "SparseMatcher",
    "frame_targets",
]
