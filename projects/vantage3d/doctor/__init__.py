"""What is installed, what really works, and what to do about the rest."""

from vantage3d.doctor.report import diagnose

__all__ = ["diagnose"]
