"""Training losses of the ESAM models."""

from vantage3d.esam.losses.criterion import (
    MixedInstanceCriterion,
    ScanNetMixedCriterion,
    ScanNetSemanticCriterion,
)
from vantage3d.esam.losses.mask_losses import AxisAlignedIoULoss
from vantage3d.esam.losses.matcher import (
    FrameTargets,
    MaskBCECost,
    MaskDiceCost,
    QueryClassificationCost,
    SparseMatcher,
    frame_targets,
)

__all__ = [
    "AxisAlignedIoULoss",
    "FrameTargets",
    "MaskBCECost",
    "MaskDiceCost",
    "MixedInstanceCriterion",
    "QueryClassificationCost",
    "ScanNetMixedCriterion",
    "ScanNetSemanticCriterion",
    "SparseMatcher",
    "frame_targets",
]
