"""Several configs under equal conditions, and what may be concluded from it.

``runs`` trains and evaluates each config from the same initial weights with the same
seeds and schedule, ``statistics`` is the arithmetic, ``report`` the table and the plot.
"""

from projects.common.comparison.plan import Plan, check_plan
from projects.common.comparison.report import write_report
from projects.common.comparison.runs import Result, run_all
from projects.common.comparison.statistics import Spread, paired_difference, spread

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
