"""Several configs under equal conditions, and what may be concluded from it.

``runs`` trains and evaluates each config from the same initial weights with the same
seeds and schedule, ``report`` is the arithmetic, the table and the plot.
"""

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
