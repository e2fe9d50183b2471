"""Evaluation of DELTAS: metrics, studies, classical baseline, pictures."""

from projects.deltas.evaluation.controls import WrongPosesHook
from projects.deltas.evaluation.depth_metric import TriangulatedDepthMetric
from projects.deltas.evaluation.report_hook import DepthReportHook

__all__ = ["DepthReportHook", "TriangulatedDepthMetric", "WrongPosesHook"]
