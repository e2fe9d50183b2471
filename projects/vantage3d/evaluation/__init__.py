"""Measuring: pure functions of arrays, windows of frames, result folders and reports.

``depth_errors``, ``instance_ap``, ``absolute_pose_errors``, ``cloud_metrics`` and
``normal_angles`` are pure functions; ``measure_window`` uses them on a window of
frames; ``read_run`` reads a result folder and ``build_report`` makes its report.
"""

from vantage3d.public_names import public_names

_MODULES = {
    "absolute_pose_errors": "pose_metrics",
    "build_report": "report",
    "cloud_metrics": "point_clouds",
    "depth_errors": "depth_metrics",
    "instance_ap": "scannet_ap",
    "measure_window": "windows.measure",
    "normal_angles": "surface_normals",
    "read_run": "results.run",
}
__all__ = list(_MODULES)
__getattr__ = public_names(__name__, _MODULES)
