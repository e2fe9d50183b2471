"""Evaluation of DELTAS: metrics, studies, classical baseline, pictures."""

from vantage3d.public_names import public_names

_MODULES = {
    "DepthReportHook": "hooks",
    "TriangulatedDepthMetric": "depth_metric",
    "WrongPosesHook": "hooks",
}
__all__ = list(_MODULES)
__getattr__ = public_names(__name__, _MODULES)
