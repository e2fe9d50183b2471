"""Figures, one HTML page and a summary of an evaluation of depth checkpoints.

Everything is read from the folder that ``tools/evaluate_depth.py`` writes.
"""

from vantage3d.evaluation.report.build import Report, build_report

__all__ = ["Report", "build_report"]
