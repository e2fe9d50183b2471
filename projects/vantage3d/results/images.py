"""The images of a scene, as models of cameras name them."""

from collections.abc import Iterator
from pathlib import Path

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.folders import keep_only
from vantage3d.io.images import encode_jpeg
from vantage3d.results.prediction import FramePrediction, ScenePrediction


def write_images(scene: ScenePrediction, folder: Path) -> Iterator[FramePrediction]:
    """Every frame, with ``FRAME.jpg`` written; none but theirs stay there."""
    names = []
    for frame in scene.frames:
        names.append(f"{frame.name}.jpg")
        atomic_write_bytes(folder / names[-1], encode_jpeg(frame.color))
        yield frame
    keep_only(folder, names, ".jpg")
