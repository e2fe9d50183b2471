"""Metrics of ESAM; importing registers their names."""

from vantage3d.esam.evaluation.unified_seg_metric import UnifiedSegMetric

__all__ = ["UnifiedSegMetric"]
