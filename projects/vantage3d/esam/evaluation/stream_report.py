"""All that labels say of a stream: whether ids last, and what its scenes are worth."""

from collections.abc import Mapping
from pathlib import Path

from vantage3d.esam.evaluation import scene_ap, stream
from vantage3d.esam.evaluation.labelled import Labels
from vantage3d.results.prediction import ScenePrediction


def score(scenes: Mapping[str, ScenePrediction], labels: Labels, out: Path) -> None:
    """Print and write the metrics of ids, then AP of the scenes."""
    stream.score(scenes, labels, out)
    scene_ap.score(scenes, labels, out)
