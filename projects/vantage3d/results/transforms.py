"""``transforms.json`` with images and depth, as nerfstudio and its kin read it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import seal
from vantage3d.io.ply import rgb_columns, write_ply
from vantage3d.results.cloud import SPLATS, scene_cloud
from vantage3d.results.depth import depth_scale, write_depth_maps
from vantage3d.results.images import write_images
from vantage3d.results.prediction import FramePrediction, ScenePrediction
from vantage3d.results.scene_instances import check_posed

OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])  # x right, y up, z backward
HALF = 0.5  # a pixel: the file counts them from the outer corner of the first


def write(scene: ScenePrediction, folder: Path) -> list[Path]:
    """``transforms/transforms.json``, ``images``, ``depth`` and ``points.ply``.

    Raises:
        ValueError: If frames have no poses.
    """
    check_posed(scene)
    folder = folder / "transforms"
    content: dict[str, Any] = {"camera_model": "OPENCV"}
    if any(frame.depth is not None for frame in scene.frames):
        scale = depth_scale(scene)
        write_depth_maps(scene, folder / "depth", scale)
        content["depth_unit_scale_factor"] = 1 / scale
        cloud = scene_cloud(scene).fewer(SPLATS)
        columns = rgb_columns(cloud.colors)
        write_ply(folder / "points.ply", cloud.points, columns)
        content["ply_file_path"] = "points.ply"  # where Gaussians begin
    shown = write_images(scene, folder / "images")
    content["frames"] = [_entry(frame) for frame in shown]
    path = folder / "transforms.json"
    atomic_write_bytes(path, seal(json.dumps(content, indent=1)))
    return [path]


def _entry(frame: FramePrediction) -> dict[str, Any]:
    """A frame with a camera of its own."""
    (height, width), K = frame.color.shape[:2], frame.K
    entry = {
        "file_path": f"images/{frame.name}.jpg",
        **{"fl_x": K[0, 0], "fl_y": K[1, 1]},
        **{"cx": K[0, 2] + HALF, "cy": K[1, 2] + HALF, "w": width, "h": height},
        "transform_matrix": (frame.cam2scene @ OPENGL).tolist(),
    }
    if frame.depth is not None:
        entry["depth_file_path"] = f"depth/{frame.name}.png"
    return entry
