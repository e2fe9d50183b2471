"""VGGT networks, and the one that the Runner trains."""

from vantage3d.vggt_lora.models.adapters import BaseUntouchedHook
from vantage3d.vggt_lora.models.estimator import VGGTEstimator
from vantage3d.vggt_lora.models.vggt import VGGT

__all__ = ["VGGT", "BaseUntouchedHook", "VGGTEstimator"]
