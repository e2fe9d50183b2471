"""Metrics of ESAM; importing registers their names."""

from vantage3d.esam.evaluation.scene_seg_metric import SceneSegMetric
from vantage3d.esam.evaluation.unified_seg_metric import UnifiedSegMetric

__all__ = ["SceneSegMetric", "UnifiedSegMetric"]
