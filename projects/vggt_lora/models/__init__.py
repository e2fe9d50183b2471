"""VGGT networks, and the one that the Runner trains."""

from projects.vggt_lora.models.base_hook import BaseUntouchedHook
from projects.vggt_lora.models.estimator import VGGTEstimator
from projects.vggt_lora.models.vggt import VGGT

__all__ = ["VGGT", "BaseUntouchedHook", "VGGTEstimator"]
