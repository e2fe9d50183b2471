"""Metrics of VGGT: depth and cameras of windows of frames."""

from projects.vggt_lora.evaluation.depth_comparison import DepthComparison
from projects.vggt_lora.evaluation.depth_metric import DepthMetric
from projects.vggt_lora.evaluation.window_metric import WindowMetric
from projects.vggt_lora.evaluation.window_results import WindowResults

__all__ = ["DepthComparison", "DepthMetric", "WindowMetric", "WindowResults"]
