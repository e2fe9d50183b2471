"""Rooms on disk as recordings: plain RGB-D folders, ScanNet's ``.sens``, SUN3D."""

from pathlib import Path

import numpy as np

from vantage3d.converters.sun3d import FRAME_US
from vantage3d.io.depth_files import MILLIMETRES, depth_units, rotate_bits
from vantage3d.io.sens import SensFrame, SensHeader, write_sens
from vantage3d.synthetic.layouts.files import (
    encode_image,
    matrix_text,
    write_depth,
    write_image,
    write_matrix,
    write_text,
)
from vantage3d.synthetic.rooms.filming import Job, View, film, sensor_intrinsics

LATE_US = 7_000  # from an image of SUN3D to its depth
EXTRA = 3  # one more depth image after every so many frames
DRIFT = 0.02  # metres per frame, of the reconstruction that was replaced


def write_rgbd_scene(root: Path, scene: str, job: Job) -> None:
    """Write ``color depth pose instance semantic`` and ``intrinsic.txt`` of a room."""
    folder = root / scene
    for number, cam2world, frame in film(job)[1]:
        write_image(folder / "color" / f"{number}.jpg", frame.color)
        write_depth(folder / "depth" / f"{number}.png", frame.depth)
        write_matrix(folder / "pose" / f"{number}.txt", cam2world)
        for kind, ids in (("instance", frame.instance), ("semantic", frame.semantic)):
            write_image(folder / kind / f"{number}.png", ids.astype(np.uint16))
    write_text(folder / "intrinsic.txt", matrix_text(sensor_intrinsics(job.size)))


def write_sens_scene(root: Path, scene: str, job: Job) -> None:
    """Write ``scans/<scene>/<scene>.sens``; frames count from 0 in the file."""
    frames = [
        SensFrame(
            cam2world.astype(np.float32),
            encode_image(".jpg", frame.color),
            depth_units(frame.depth, MILLIMETRES),
        )
        for _, cam2world, frame in film(job)[1]
    ]
    K = np.eye(4, dtype=np.float32)
    K[:3, :3] = sensor_intrinsics(job.size)
    header = SensHeader(K, K, job.size, job.size, MILLIMETRES, len(frames))
    write_sens(root / "scans" / scene / f"{scene}.sens", header, frames)


def write_sun3d_scene(root: Path, scene: str, job: Job) -> None:
    """Write ``image depth extrinsics intrinsics.txt`` of one room.

    As in recordings, the depth stream has its own numbers and times and more images
    than the colour stream, depth is rotated, and an older file of poses lies beside the
    corrected one.
    """
    folder, views = root / scene, list(film(job)[1])
    for at, view in enumerate(views, 1):
        name = f"{at:07d}-{view.number * FRAME_US:012d}.jpg"
        write_image(folder / "image" / name, view.frame.color)
    for at, (time_us, view) in enumerate(_depth_stream(job, views), 1):
        millimetres = depth_units(view.frame.depth, MILLIMETRES)
        name = f"{at:07d}-{time_us:012d}.png"
        write_image(folder / "depth" / name, rotate_bits(millimetres))
    poses = np.stack([view.cam2world[:3] for view in views])
    drifted = poses.copy()
    drifted[:, 0, 3] += DRIFT * np.arange(len(poses))
    for date, chosen in (("20130101000000", drifted), ("20130512130736", poses)):
        write_matrix(folder / "extrinsics" / f"{date}.txt", np.concatenate(chosen))
    write_text(folder / "intrinsics.txt", matrix_text(sensor_intrinsics(job.size)))


def _depth_stream(job: Job, views: list[View]) -> list[tuple[int, View]]:
    """Time and view of every depth image: one per frame, and some in between."""
    between = [(a + b) // 2 for a, b in zip(job.frames, job.frames[1:])][::EXTRA]
    own = [(v.number * FRAME_US + LATE_US, v) for v in views]
    extra = film(job._replace(frames=tuple(between)))[1] if between else ()
    added = [(v.number * FRAME_US + FRAME_US // 2, v) for v in extra]
    return sorted(own + added, key=lambda pair: pair[0])
