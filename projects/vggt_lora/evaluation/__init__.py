"""Metrics of VGGT: depth and cameras of windows of frames."""

from projects.vggt_lora.evaluation.depth_metric import DepthMetric
from projects.vggt_lora.evaluation.window_metric import WindowMetric

__all__ = ["DepthMetric", "WindowMetric"]
