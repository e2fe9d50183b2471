"""A video of what was found: image, instances, depth and superpoints side by side."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.video import write_video
from vantage3d.process.progress import track
from vantage3d.results.cloud import scene_cloud
from vantage3d.results.panels import (
    depth_range,
    instance_colors,
    panels,
    scaled,
    superpoint_panel,
)
from vantage3d.results.prediction import FramePrediction, ScenePrediction

NARROWEST, WIDEST = 320, 640  # pixels of a panel
SLOWEST, FASTEST, USUAL = 2.0, 30.0, 10.0  # frames per second


def write(scene: ScenePrediction, folder: Path) -> list[Path]:
    """``overlay.mp4``: a panel each for image, instances, depth and superpoints.

    It runs as fast as the recording did, within 2 and 30 frames per second.

    Raises:
        ValueError: If no frame has depth or instances, or sizes of images differ.
    """
    first = scene.frames[0]
    count = 1 + (first.instances is not None) + (first.depth is not None)
    count += _has_superpoints(first)
    if count == 1:
        raise ValueError(
            f"scene {scene.name} has neither depth nor instances to draw over its "
            "images. Leave video out of what is saved"
        )
    width = int(np.clip(first.color.shape[1], NARROWEST, WIDEST)) // 2 * 2
    height = scaled(first.color, width).shape[0] // 2 * 2  # even, as the codec asks
    path = folder / "overlay.mp4"
    images = _images(scene, width, height)
    write_video(path, images, (count * width, height), _rate(scene))
    return [path]


def _images(
    scene: ScenePrediction, width: int, height: int
) -> Iterator[NDArray[np.uint8]]:
    between, numbers, colors = depth_range(scene), {}, np.zeros((0, 3), np.uint8)
    if scene.frames[0].instances is not None:
        cloud = scene_cloud(scene)
        numbers, colors = cloud.numbers, instance_colors(cloud)
    for place, frame in enumerate(track(scene.frames, description="video")):
        own = colors[numbers[place]] if place in numbers else colors
        shown = [*panels(frame, own, between, width).values()]
        if _has_superpoints(frame):
            shown.append(superpoint_panel(frame, width, len(shown[0])))
        yield np.concatenate([panel[:height] for panel in shown], axis=1)


def _has_superpoints(frame: FramePrediction) -> bool:
    return frame.instances is not None and frame.instances.superpoints is not None


def _rate(scene: ScenePrediction) -> float:
    """Frames per second of the recording, within bounds."""
    first, last = (scene.frames[place].timestamp for place in (0, -1))
    if first is None or last is None or last <= first:
        return USUAL
    return float(np.clip((len(scene.frames) - 1) / (last - first), SLOWEST, FASTEST))
