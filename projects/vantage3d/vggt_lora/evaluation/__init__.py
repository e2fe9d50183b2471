"""Metrics of VGGT: depth and cameras of windows of frames."""

from vantage3d.evaluation.windows.comparison import DepthComparison
from vantage3d.evaluation.windows.metric import DepthMetric

__all__ = ["DepthComparison", "DepthMetric"]
