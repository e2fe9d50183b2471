"""Every metric of a window of frames."""

import sys
from collections.abc import Callable

from vantage3d.evaluation.windows.aligned import AlignedWindow
from vantage3d.evaluation.windows.contracts import (
    MetricOptions,
    Record,
    WindowPrediction,
    WindowRecord,
    WindowTruth,
    check_labels,
    check_window,
)
from vantage3d.evaluation.windows.depth import ablation_records, depth_records
from vantage3d.evaluation.windows.photometric import photometric_record
from vantage3d.evaluation.windows.points import point_record
from vantage3d.evaluation.windows.poses import pose_record
from vantage3d.evaluation.windows.surfaces import normal_records, planarity_records

FRAME_GROUPS: dict[str, Callable[[AlignedWindow], list[Record]]] = {
    "depth": depth_records,
    "ablation": ablation_records,
    "normals": normal_records,
    "planarity": planarity_records,
}
WINDOW_GROUPS: dict[str, Callable[[AlignedWindow], Record]] = {
    "photometric": photometric_record,
    "pose": pose_record,
    "points": point_record,
}


def measure_window(
    prediction: WindowPrediction, truth: WindowTruth, options: MetricOptions
) -> WindowRecord:
    """Measure what ``options`` asks for.

    The order of the frames does not matter: pairs of neighbours, of which there are
    some in the photometric and pose metrics, are neighbours in time.

    Args:
        prediction: Answer of a network, in any unit and world.
        truth: Metres.
        options: Groups of metrics, alignment, buildings.

    Returns:
        Numbers by name, of every frame and of the window; NaN where something cannot
        be measured.

    Raises:
        ValueError: If arrays do not fit, a true depth inside ``valid`` is not positive,
            or buildings shall be measured without semantics.
    """
    check_window(prediction, truth)
    where = f"the window of {truth.sequence!r} with frames {', '.join(truth.names)}"
    check_labels(options, truth.semantics is not None, where)
    aligned = AlignedWindow(prediction, truth, options)
    frames: list[Record] = [{} for _ in truth.depth]
    window: Record = {}
    for group in options.groups:
        if group in FRAME_GROUPS:
            for record, values in zip(frames, FRAME_GROUPS[group](aligned)):
                record |= values
        else:
            window |= WINDOW_GROUPS[group](aligned)
    return WindowRecord([_interned(record) for record in frames], _interned(window))


def _interned(record: Record) -> Record:
    """The same record; its names are the same objects as those of others."""
    return {sys.intern(name): value for name, value in record.items()}
