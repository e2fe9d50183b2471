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
from vantage3d.esam.losses.merge_criterion import ScanNetMergeCriterion_Fast
from vantage3d.esam.losses.track_criterion import TrackCriterion

__all__ = [
    "AxisAlignedIoULoss",
    "FrameTargets",
    "MaskBCECost",
    "MaskDiceCost",
    "MixedInstanceCriterion",
    "QueryClassificationCost",
    "ScanNetMergeCriterion_Fast",
    "ScanNetMixedCriterion",
    "ScanNetSemanticCriterion",
    "SparseMatcher",
    "TrackCriterion",
    "frame_targets",
]
