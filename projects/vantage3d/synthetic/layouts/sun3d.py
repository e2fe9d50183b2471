"""Rooms on disk as SUN3D sequences: two streams, rotated depth, three-row poses."""

from pathlib import Path

import numpy as np

from vantage3d.io.depth_files import rotate_bits
from vantage3d.io.sun3d import FRAME_US
from vantage3d.synthetic.layouts.files import (
    matrix_text,
    write_bytes,
    write_image,
    write_text,
)
from vantage3d.synthetic.rooms.filming import Job, View, film, sensor_intrinsics

LATE_US = 7_000  # from an image to its depth
EXTRA = 3  # one more depth image after every so many frames
DRIFT = 0.02  # metres per frame, of the reconstruction that was replaced


def write_scene(root: Path, scene: str, job: Job) -> None:
    """Write ``image depth extrinsics intrinsics.txt`` of one room.

    As in recordings, the depth stream has its own numbers and times and more images
    than the colour stream, and an older file of poses lies beside the corrected one.
    """
    folder, poses = root / scene, []
    for at, view in enumerate(film(job)[1]):
        name = f"{at + 1:07d}-{view.number * FRAME_US:012d}.jpg"
        write_image(folder / "image" / name, view.frame.color)
        poses.append(view.cam2world)
    for at, (time_us, view) in enumerate(_depth_stream(job)):
        name = f"{at + 1:07d}-{time_us:012d}.png"
        millimetres = np.round(view.frame.depth * 1000).astype(np.uint16)
        write_image(folder / "depth" / name, rotate_bits(millimetres))
    drifted = [pose.copy() for pose in poses]
    for at, pose in enumerate(drifted):
        pose[0, 3] += DRIFT * at
    for date, chosen in (("20130101000000", drifted), ("20130512130736", poses)):
        text = "".join(matrix_text(pose[:3]) for pose in chosen)
        write_bytes(folder / "extrinsics" / f"{date}.txt", text.encode())
    write_text(folder / "intrinsics.txt", matrix_text(sensor_intrinsics(job.size)))


def _depth_stream(job: Job) -> list[tuple[int, View]]:
    """Time and view of every depth image: one per frame, and some in between."""
    between = [(a + b) // 2 for a, b in zip(job.frames, job.frames[1:])][::EXTRA]
    own = [(v.number * FRAME_US + LATE_US, v) for v in film(job)[1]]
    extra = film(job._replace(frames=tuple(between)))[1] if between else ()
    added = [(v.number * FRAME_US + FRAME_US // 2, v) for v in extra]
    return sorted(own + added, key=lambda pair: pair[0])
