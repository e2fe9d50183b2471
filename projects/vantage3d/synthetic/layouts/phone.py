"""Rooms on disk as a phone films them, and the true instances of every frame."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.video import write_video
from vantage3d.synthetic.layouts.files import write_image
from vantage3d.synthetic.rooms.filming import Job, film

EXPOSURE, PERIOD = 0.3, 12  # share of the brightness that comes and goes, in frames
RATE = 10.0  # frames per second


def write_scene(root: Path, scene: str, job: Job) -> None:
    """``videos/<scene>.mp4`` and ``labels/<scene>/{instance,semantic}/<n>.png``.

    The video lies on its side and says so, its exposure changes, and it has neither
    depth nor poses nor intrinsics. Frames count from 000000.
    """
    labels = root / "labels" / scene

    def images() -> Iterator[NDArray[np.uint8]]:
        for place, (_, _, frame) in enumerate(film(job)[1]):
            for kind in ("instance", "semantic"):
                ids = getattr(frame, kind).astype(np.uint16)
                write_image(labels / kind / f"{place:06d}.png", ids)
            light = 1 + EXPOSURE * np.sin(2 * np.pi * place / PERIOD)
            image = np.clip(frame.color * light + 0.5, 0, 255).astype(np.uint8)
            yield np.rot90(image)

    path, size = root / "videos" / f"{scene}.mp4", job.size[::-1]
    write_video(path, images(), size, RATE, clockwise=True)
