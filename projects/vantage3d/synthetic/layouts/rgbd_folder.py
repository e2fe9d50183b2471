"""Rooms on disk as plain folders of RGB-D frames, with instance and semantic images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vantage3d.synthetic.layouts.files import (
    matrix_text,
    write_depth,
    write_image,
    write_matrix,
    write_text,
)
from vantage3d.synthetic.rooms.filming import Job, Splits, film, sensor_intrinsics


def write_scene(root: Path, scene: str, job: Job) -> None:
    """Write ``color depth pose instance semantic`` and ``intrinsic.txt`` of a room.

    Args:
        root: Folder of all scenes.
        scene: Folder name.
        job: What to render.
    """
    folder = root / scene
    for number, cam2world, frame in film(job)[1]:
        write_image(folder / "color" / f"{number}.jpg", frame.color)
        write_depth(folder / "depth" / f"{number}.png", frame.depth)
        write_matrix(folder / "pose" / f"{number}.txt", cam2world)
        for kind, ids in (("instance", frame.instance), ("semantic", frame.semantic)):
            write_image(folder / kind / f"{number}.png", ids.astype(np.uint16))
    write_text(folder / "intrinsic.txt", matrix_text(sensor_intrinsics(job.size)))


def is_written(root: Path, scene: str) -> bool:
    """Whether the file that ``write_scene`` writes last is there."""
    return (root / scene / "intrinsic.txt").exists()


def write_meta(root: Path, splits: Splits, frames: Sequence[int]) -> None:
    """One file of scene names per split; every frame of a scene belongs to it."""
    for split, scenes in splits.items():
        write_text(root / f"{split}.txt", "".join(f"{scene}\n" for scene in scenes))
