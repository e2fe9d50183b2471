"""A stream, shown while it runs: its frames, its scene and a table of its instances."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import scale_intrinsics
from vantage3d.results.prediction import FramePrediction
from vantage3d.visualization.instances import distinct_colours

if TYPE_CHECKING:
    from vantage3d.esam.online.stream import StreamSegmenter

WIDTH = 320  # pixels, most of a picture
EVERY = 10  # frames between two looks at the whole scene
MOST_POINTS = 100_000
MOST_PLACES = 1000  # of the trajectory
ROWS = 30  # of the table, those seen last
TINT = 0.55
SHADES = distinct_colours(256)  # by id, again from the first one on
NOTHING = (120, 120, 120)  # RGB of what no instance fills


class StreamViewer:
    """Called with a stream and its last frame, it shows them.

    A picture of every frame and, every tenth time, the scene: so it costs little beside
    the network, however long the stream is.

    Args:
        where: As in :class:`LiveRecording`: "page", "window" or a file.
        ports: As there.

    Raises:
        ImportError: If rerun is not installed; how to install it.
    """

    def __init__(
        self, where: str | Path = "page", ports: tuple[int, int] = (9090, 9876)
    ) -> None:
        from vantage3d.visualization.recording import LiveRecording

        self.live = LiveRecording(where, ports=ports)
        self._places: list[NDArray[np.float64]] = []
        self._number = 0

    def __call__(self, stream: "StreamSegmenter", frame: FramePrediction) -> None:
        from vantage3d.visualization.recording import LiveStep

        image, K = picture(frame)
        pose = frame.cam2scene
        self._places.append(pose[:3, 3])
        step = LiveStep(self._number, frame.timestamp, image, K, pose)
        self.live.step(step)
        if self._number % EVERY == 0:
            self.show_scene(stream)
        self._number += 1

    def show_scene(self, stream: "StreamSegmenter") -> None:
        """What the stream knows now."""
        from vantage3d.visualization.recording import LiveScene

        seen = stream.map
        shown = np.s_[:: len(seen) // MOST_POINTS + 1]
        owners = stream.owners()[shown]
        colors = SHADES[owners % len(SHADES)]
        colors[owners < 0] = NOTHING
        places = self._places[:: len(self._places) // MOST_PLACES + 1]
        scene = LiveScene(
            seen.points[shown],
            colors,
            seen.voxel_size / 2,
            np.array(places),
            table(stream, ROWS),
        )
        self.live.scene(scene)


def picture(frame: FramePrediction) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """(H, W, 3) the frame, its instances tinted by id, and its (3, 3) intrinsics."""
    (w, h), found = frame.size, frame.instances
    width = min(w, WIDTH)
    size = width, round(h * width / w)
    image = cv2.resize(frame.color, size, interpolation=cv2.INTER_AREA)
    if found is not None and found.tracks is not None and len(found.tracks):
        ids = cv2.resize(
            found.ids().astype(np.int16), size, interpolation=cv2.INTER_NEAREST
        )
        shades = SHADES[found.tracks % len(SHADES)]
        inside = ids >= 0
        tinted = (1 - TINT) * image[inside] + TINT * shades[ids[inside]]
        image[inside] = tinted.astype(np.uint8)
    return image, scale_intrinsics(frame.K_depth, size[0] / w, size[1] / h)


def table(stream: "StreamSegmenter", rows: int) -> str:
    """The instances that were seen last, in markdown."""
    tracks = stream.tracks
    labels: Sequence[int] = tracks.labels.tolist()
    lines = ["| id | class | score | frames | last |", "|--:|---|--:|--:|--:|"]
    for one in np.argsort(-tracks.last, kind="stable")[:rows].tolist():
        name = stream.classes[labels[one]]
        score, frames = tracks.scores[one], tracks.frames[one]
        lines.append(
            f"| {one} | {name} | {score:.2f} | {frames} | {tracks.last[one]} |"
        )
    return "\n".join([f"{len(tracks)} instances", "", *lines])
