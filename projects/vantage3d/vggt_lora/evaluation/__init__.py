"""Metrics of VGGT: depth and cameras of windows of frames."""

from vantage3d.evaluation.results.metric import WindowResults
from vantage3d.evaluation.windows.comparison import DepthComparison
from vantage3d.evaluation.windows.depth_metric import DepthMetric
from vantage3d.evaluation.windows.metric import WindowMetric

__all__ = ["DepthComparison", "DepthMetric", "WindowMetric", "WindowResults"]
