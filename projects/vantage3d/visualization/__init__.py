"""Pictures and recordings of predictions; importing registers the hooks."""

from vantage3d.visualization.comparison import Comparison, compare
from vantage3d.visualization.depth_hook import DepthPictureHook
from vantage3d.visualization.depth_picture import (
    DepthView,
    draw_depth,
    write_depth_picture,
)
from vantage3d.visualization.frame import FrameResult
from vantage3d.visualization.instance_hook import InstanceVisualizationHook
from vantage3d.visualization.picture import draw_frames, write_picture

__all__ = [
    "Comparison",
    "DepthPictureHook",
    "DepthView",
    "FrameResult",
    "InstanceVisualizationHook",
    "compare",
    "draw_depth",
    "draw_frames",
    "write_depth_picture",
    "write_picture",
]
