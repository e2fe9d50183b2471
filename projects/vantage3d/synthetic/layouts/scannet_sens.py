"""Rooms on disk as ScanNet distributes its recordings: one ``.sens`` file each."""

from pathlib import Path

import cv2
import numpy as np

from vantage3d.io.sens import SensFrame, SensHeader, write_sens
from vantage3d.synthetic.rooms.filming import Job, film, sensor_intrinsics

MILLIMETRES = 1000.0
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 95]


def write_scene(root: Path, scene: str, job: Job) -> None:
    """Write ``scans/<scene>/<scene>.sens``; frames count from 0 in the file."""
    frames = []
    for _, cam2world, frame in film(job)[1]:
        color = np.ascontiguousarray(frame.color[..., ::-1])
        data = cv2.imencode(".jpg", color, QUALITY)[1].tobytes()
        depth = np.round(frame.depth * MILLIMETRES).astype(np.uint16)
        frames.append(SensFrame(cam2world.astype(np.float32), data, depth))
    K = np.eye(4, dtype=np.float32)
    K[:3, :3] = sensor_intrinsics(job.size)
    header = SensHeader(K, K, job.size, job.size, MILLIMETRES, len(frames))
    write_sens(root / "scans" / scene / f"{scene}.sens", header, frames)
