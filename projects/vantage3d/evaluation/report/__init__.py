"""Figures, one HTML page and a summary of an evaluation of depth checkpoints.

Everything is read from the folder that ``tools/evaluate_depth.py`` writes: ``reading``
checks it, ``score`` and ``paired`` compute, one module per family of figures draws,
``findings`` says what the numbers mean, ``build`` puts it together.
"""

from vantage3d.evaluation.report.build import Report, build_report

__all__ = ["Report", "build_report"]
