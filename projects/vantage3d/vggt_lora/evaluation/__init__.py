"""Metrics of VGGT: depth and cameras of windows of frames."""

from vantage3d.public_names import public_names

_MODULES = {
    "DepthComparison": "..evaluation.windows.metric",
    "DepthMetric": "..evaluation.windows.metric",
}
__all__ = list(_MODULES)
__getattr__ = public_names(__name__, _MODULES)
