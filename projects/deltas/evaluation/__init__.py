"""Evaluation of DELTAS: metrics, studies, classical baseline, pictures."""

from projects.deltas.evaluation.depth_metric import TriangulatedDepthMetric

__all__ = ["TriangulatedDepthMetric"]
