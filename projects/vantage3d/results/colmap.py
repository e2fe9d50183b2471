"""A COLMAP model with images: predicted cameras, and points of predicted depth."""

from pathlib import Path

import numpy as np

from vantage3d.geometry import invert_rigid, project
from vantage3d.io.colmap import NewImage, write_colmap
from vantage3d.results.cloud import SPLATS, Cloud, scene_cloud
from vantage3d.results.images import write_images
from vantage3d.results.prediction import FramePrediction, ScenePrediction
from vantage3d.results.scene_instances import check_posed


def write(scene: ScenePrediction, folder: Path) -> list[Path]:
    """``colmap/sparse/0``, as binary and as text, and ``colmap/images``.

    Every point is observed by the frame that it is from.

    Raises:
        ValueError: If frames have no poses or no depth.
    """
    check_posed(scene)
    cloud, folder = scene_cloud(scene).fewer(SPLATS), folder / "colmap"
    images = []
    for place, frame in enumerate(write_images(scene, folder / "images")):
        images.append(_image(frame, cloud, np.flatnonzero(cloud.frames == place)))
    write_colmap(model := folder / "sparse" / "0", images, cloud.points, cloud.colors)
    return [model]


def _image(frame: FramePrediction, cloud: Cloud, rows: np.ndarray) -> NewImage:
    height, width = frame.color.shape[:2]
    world2cam = invert_rigid(frame.cam2scene)
    pixels, _ = project(cloud.points[rows], frame.K, world2cam)
    name = f"{frame.name}.jpg"
    return NewImage(name, frame.K, (width, height), world2cam, pixels, rows)
