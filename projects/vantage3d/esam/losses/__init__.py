"""Training losses of the ESAM models."""

from vantage3d.esam.losses.box_loss import AxisAlignedIoULoss
from vantage3d.esam.losses.instance_criterion import (
    InstanceCriterion,
    MixedInstanceCriterion,
)
from vantage3d.esam.losses.matcher import (
    MaskBCECost,
    MaskDiceCost,
    QueryClassificationCost,
    SparseMatcher,
)
from vantage3d.esam.losses.mixed_criterion import ScanNetMixedCriterion
from vantage3d.esam.losses.semantic_criterion import ScanNetSemanticCriterion
from vantage3d.esam.losses.targets import FrameTargets, frame_targets

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
