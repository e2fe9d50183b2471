"""Several configs under equal conditions, and what may be concluded from it."""

from vantage3d.comparison.report import (
    Spread,
    paired_difference,
    spread,
    write_report,
)
from vantage3d.comparison.runs import Plan, Result, check_plan, run_all

__all__ = [
    "Plan",
    "Result",
    "Spread",
    "check_plan",
    "paired_difference",
    "run_all",
    "spread",
    "write_report",
]
