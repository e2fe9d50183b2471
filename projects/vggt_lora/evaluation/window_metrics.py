"""Every metric of a window of frames."""

from projects.vggt_lora.evaluation.frame_depth import (
    depth_record,
    fit_frames,
    frame_pixels,
)
from projects.vggt_lora.evaluation.window_data import (
    MetricOptions,
    Record,
    WindowPrediction,
    WindowRecord,
    WindowTruth,
    check_labels,
    check_window,
)
from projects.vggt_lora.evaluation.window_poses import pose_record


def measure_window(
    prediction: WindowPrediction, truth: WindowTruth, options: MetricOptions
) -> WindowRecord:
    """Measure what ``options`` asks for.

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
    frames: list[Record] = [{} for _ in truth.depth]
    window: Record = {}
    if "depth" in options.groups:
        pixels = frame_pixels(prediction, truth)
        fits = fit_frames(pixels, options.align, options.per)
        for record, frame, fit in zip(frames, pixels, fits):
            record |= depth_record(frame, fit, options)
    if "pose" in options.groups:
        window |= pose_record(prediction, truth)
    return WindowRecord(frames, window)
