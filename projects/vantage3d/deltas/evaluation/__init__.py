"""Evaluation of DELTAS: metrics, studies, classical baseline, pictures."""

from vantage3d.deltas.evaluation.controls import WrongPosesHook
from vantage3d.deltas.evaluation.depth_metric import TriangulatedDepthMetric
from vantage3d.deltas.evaluation.report_hook import DepthReportHook

__all__ = ["DepthReportHook", "TriangulatedDepthMetric", "WrongPosesHook"]
