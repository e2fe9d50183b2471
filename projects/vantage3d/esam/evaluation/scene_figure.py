"""A figure of how a stream's scene came to be."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vantage3d.evaluation.instance_diagnostics import FOUND
from vantage3d.evaluation.metrics_table import AP50
from vantage3d.evaluation.report.plotting import (
    COLOURS,
    DASHED,
    MARKERS,
    finish,
    mark,
    panels,
)

BINS = np.linspace(0, 1, 21)


def draw(
    moments: Sequence[Mapping[str, Any]],
    series: Mapping[str, Mapping[str, NDArray[np.int64]]],
    ious: Sequence[NDArray[np.float64]],
) -> Figure:
    """AP50 over time, detections and ids by frame, best overlaps at the end.

    Args:
        moments: ``share`` of the frames and AP of all ``answers`` then.
        series: By sequence ``detections``, ``new_ids`` and ``ids`` of each frame.
        ious: (P, G) of each final scene.
    """
    figure, (over_time, by_frame, best) = panels(3, columns=3, height=3.6)
    shares = [100 * row["share"] for row in moments]
    looks = list(zip(moments[-1]["answers"], COLOURS, MARKERS))
    for name, colour, marker in looks:
        values = [row["answers"].get(name, {}).get(AP50, np.nan) for row in moments]
        over_time.plot(shares, values, marker, ls="-", color=colour, ms=4)
    over_time.set_ylim(-0.02, 1.02)
    finish(over_time, "AP50 of the scene so far", "% of the frames", "AP50")
    over_time.legend(handles=[mark(*look) for look in looks], fontsize=7, frameon=False)
    lines = {"ids": ("ids so far", "-"), "detections": ("detections", DASHED)}
    for own in series.values():
        for (name, (_, dash)), colour in zip(lines.items(), COLOURS):
            by_frame.plot(own[name], color=colour, ls=dash, lw=1.2)
    marks = [
        mark(label, colour, dash=dash)
        for (label, dash), colour in zip(lines.values(), COLOURS)
    ]
    finish(by_frame, "Ids", "frame", "number", marks)
    values = np.concatenate([np.zeros(0), *(iou.max(0, initial=0) for iou in ious)])
    best.hist(values, BINS, color=COLOURS[0])
    best.axvline(FOUND, color=COLOURS[1], ls=DASHED)
    finish(best, "Best overlap at the end", "IoU", "true instances")
    return figure
