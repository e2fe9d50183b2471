"""Argument checks for public boundaries: one line each, one kind of message."""

from projects.common.checks.shapes import check_shape
from projects.common.checks.values import check_choice, check_finite, check_positive

__all__ = ["check_choice", "check_finite", "check_positive", "check_shape"]
