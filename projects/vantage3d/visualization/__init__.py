"""Pictures and recordings of predictions; importing registers the hooks."""

from vantage3d.visualization.depth_picture import (
    DepthView,
    draw_depth,
    write_depth_picture,
)
from vantage3d.visualization.hooks import DepthPictureHook, InstanceVisualizationHook
from vantage3d.visualization.instance_picture import draw_frames, write_picture
from vantage3d.visualization.instances import Comparison, FrameResult, compare
from vantage3d.visualization.run_record import RunRecordHook

__all__ = [
    "Comparison",
    "DepthPictureHook",
    "DepthView",
    "FrameResult",
    "InstanceVisualizationHook",
    "RunRecordHook",
    "compare",
    "draw_depth",
    "draw_frames",
    "write_depth_picture",
    "write_picture",
]
