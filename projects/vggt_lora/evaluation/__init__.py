"""Metrics of VGGT: depth and cameras of windows of frames."""

from projects.vggt_lora.evaluation.depth_comparison import DepthComparison
from projects.vggt_lora.evaluation.depth_metric import DepthMetric

__all__ = ["DepthComparison", "DepthMetric"]
