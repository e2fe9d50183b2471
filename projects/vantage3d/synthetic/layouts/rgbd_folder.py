"""Rooms on disk as plain folders of RGB-D frames, with instance and semantic images."""

from pathlib import Path

import numpy as np

from vantage3d.synthetic.layouts.files import (
    matrix_text,
    write_depth,
    write_image,
    write_matrix,
    write_text,
)
from vantage3d.synthetic.rooms.filming import Job, film, sensor_intrinsics


def write_scene(root: Path, scene: str, job: Job) -> None:
    """Write ``color depth pose instance semantic`` and ``intrinsic.txt`` of a room."""
    folder = root / scene
    for number, cam2world, frame in film(job)[1]:
        write_image(folder / "color" / f"{number}.jpg", frame.color)
        write_depth(folder / "depth" / f"{number}.png", frame.depth)
        write_matrix(folder / "pose" / f"{number}.txt", cam2world)
        for kind, ids in (("instance", frame.instance), ("semantic", frame.semantic)):
            write_image(folder / kind / f"{number}.png", ids.astype(np.uint16))
    write_text(folder / "intrinsic.txt", matrix_text(sensor_intrinsics(job.size)))
