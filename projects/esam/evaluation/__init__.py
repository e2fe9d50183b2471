"""Metrics of ESAM; importing registers their names."""

from projects.esam.evaluation.unified_seg_metric import UnifiedSegMetric

__all__ = ["UnifiedSegMetric"]
