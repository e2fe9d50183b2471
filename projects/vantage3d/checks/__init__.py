"""Argument checks for public boundaries: one line each, one kind of message."""

from vantage3d.checks.shapes import check_shape
from vantage3d.checks.values import check_choice, check_finite, check_positive

__all__ = ["check_choice", "check_finite", "check_positive", "check_shape"]
