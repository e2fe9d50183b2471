"""From the numbers of windows and frames to one row of statistics per metric.

A metric of frames is averaged over frames, one of windows over windows; what could not
be measured takes no part and is missing from ``count``. Confidence intervals come from
drawing whole windows again.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict

from vantage3d.evaluation.results.records import MeasuredWindow, Record
from vantage3d.evaluation.running_summary import RunningSummary

COUNT = "count."  # begins names of numbers that are summed, not averaged
Statistics = dict[str, dict[str, float]]


def metric_names(windows: Sequence[MeasuredWindow]) -> tuple[list[str], list[str]]:
    """Sorted names of the metrics of frames, and of windows."""
    frames = {name for window in windows for frame in window.frames for name in frame}
    whole = {name for window in windows for name in window.window}
    return sorted(frames), sorted(whole)


def summarise(windows: Sequence[MeasuredWindow]) -> Statistics:
    """Statistics of every metric.

    Args:
        windows: All of an evaluation; skipped ones have no numbers.

    Returns:
        The attributes of :class:`Summary` by metric; of ``count.*`` also ``sum``.
    """
    frames, whole = RunningSummary(), RunningSummary()
    for window in windows:
        if not window.skipped:
            frames.add(window.frames)
            whole.add([window.window])
    found: Statistics = {}
    for summary in (frames, whole):
        for name, values in summary.summaries().items():
            found[name] = asdict(values)
            if name.startswith(COUNT):
                found[name]["sum"] = summary.total(name)
    return dict(sorted(found.items()))


def single(value: float) -> dict[str, float]:
    """Statistics of something measured once."""
    same = dict.fromkeys(("mean", "median", "min", "max"), float(value))
    unknown = dict.fromkeys(("ci_low", "ci_high"), math.nan)
    return {**same, "std": 0.0, "count": 1, "missing": 0, **unknown}


def frame_means(window: MeasuredWindow, names: Sequence[str]) -> Record:
    """Means over the frames of a window; NaN where no frame has the metric."""
    return {
        name: mean([f.get(name, math.nan) for f in window.frames]) for name in names
    }


def mean(values: Sequence[float]) -> float:
    """Mean of what is known; NaN of nothing."""
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan
