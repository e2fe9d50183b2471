"""Pictures and recordings of predicted instances; importing registers the hook."""

from projects.common.visualization.comparison import Comparison, compare
from projects.common.visualization.frame import FrameResult
from projects.common.visualization.instance_hook import InstanceVisualizationHook
from projects.common.visualization.picture import draw_frames, write_picture

__all__ = [
    "Comparison",
    "FrameResult",
    "InstanceVisualizationHook",
    "compare",
    "draw_frames",
    "write_picture",
]
