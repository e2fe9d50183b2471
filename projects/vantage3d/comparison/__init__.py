"""Several configs under equal conditions, and what may be concluded from it.

``runs`` trains and evaluates each config from the same initial weights with the same
seeds and schedule, ``statistics`` is the arithmetic, ``report`` the table and the plot.
"""

from vantage3d.comparison.plan import Plan, check_plan
from vantage3d.comparison.report import write_report
from vantage3d.comparison.runs import Result, run_all
from vantage3d.comparison.statistics import Spread, paired_difference, spread

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
