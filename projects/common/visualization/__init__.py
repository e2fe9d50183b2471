"""Pictures and recordings of predictions; importing registers the hooks."""

from projects.common.visualization.comparison import Comparison, compare
from projects.common.visualization.depth_hook import DepthPictureHook
from projects.common.visualization.depth_picture import (
    DepthView,
    draw_depth,
    write_depth_picture,
)
from projects.common.visualization.frame import FrameResult
from projects.common.visualization.instance_hook import InstanceVisualizationHook
from projects.common.visualization.picture import draw_frames, write_picture

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
