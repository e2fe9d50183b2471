"""A recording for the rerun viewer: the scene's clouds, then every frame."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.io.depth_files import MILLIMETRES, depth_units
from vantage3d.results.cloud import Cloud, scene_cloud
from vantage3d.results.panels import instance_colors, instance_panel
from vantage3d.results.prediction import ScenePrediction
from vantage3d.results.scene_instances import check_posed

MOST_POINTS = 1_000_000


def write(scene: ScenePrediction, folder: Path) -> list[Path]:
    """``scene.rrd``.

    Raises:
        ImportError: If rerun is not installed.
        ValueError: If frames have no poses or no depth.
    """
    from vantage3d.visualization.recording import (
        SceneClouds,
        SceneFrame,
        write_scene_recording,
    )

    check_posed(scene)
    cloud = scene_cloud(scene).fewer(MOST_POINTS)
    shades = instance_colors(cloud)
    colors = {"colour": cloud.colors}
    if cloud.table:
        colors["instances"] = shades[cloud.instances]
    radius = cloud.voxel_size  # neighbours overlap, else they are pale from afar
    clouds = SceneClouds(cloud.points, radius, colors, cloud.up)
    path = folder / "scene.rrd"
    write_scene_recording(path, clouds, _frames(scene, cloud, shades, SceneFrame))
    return [path]


def _frames(
    scene: ScenePrediction, cloud: Cloud, shades: NDArray[np.uint8], of_frame: Any
) -> Iterator[Any]:
    """The steps of the timeline, depth and instances at the size of the image."""
    for place, frame in enumerate(scene.frames):
        depth = instances = None
        if frame.depth is not None:
            units = depth_units(frame.depth, MILLIMETRES)
            size = frame.color.shape[1::-1]
            depth = cv2.resize(units, size, interpolation=cv2.INTER_NEAREST)
        if frame.instances is not None:
            instances = instance_panel(frame, shades[cloud.numbers[place]])
        pose = frame.cam2world
        yield of_frame(frame.name, frame.color, frame.K, pose, depth, instances)
