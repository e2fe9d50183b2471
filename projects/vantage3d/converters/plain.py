"""``tools/create_data.py plain``: any recording as plain files, which others read.

Frames of videos become images, images of lenses are undistorted, photographs stand
upright, remedies are applied: what training, feature extraction, COLMAP and nerfstudio
read as it is.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.logging import print_log

from vantage3d.converters.recordings import opened
from vantage3d.converters.runs import add_folders
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.colmap import HALF
from vantage3d.io.depth_files import write_millimetre_png
from vantage3d.io.names import public_name
from vantage3d.process.progress import track
from vantage3d.recordings.options import AXES, add_layout, add_remedies
from vantage3d.recordings.recording import RecordedFrame, Recording, Unusable
from vantage3d.recordings.registration import register_color

QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 95]


def write_plain(recording: Recording, out_dir: Path, max_skipped: float) -> None:
    """Write ``<sequence>/images``, ``depth`` and, last, ``transforms.json``.

    Depth is in whole millimetres up to 65.5 m. Colour of a camera of its own is brought
    to the pixels of depth. Where frames have no pose or camera only files are written.

    Args:
        recording: The recording.
        out_dir: Where it goes.
        max_skipped: Share of the frames of a sequence that may be unusable.

    Raises:
        ValueError: If more are.
    """
    for sequence in recording.sequences():
        folder = out_dir / public_name(sequence)
        entries, bad = [], []
        frames = recording.frames(sequence)
        for frame in track(frames, description=f"plain {sequence}"):
            try:
                if isinstance(frame, Unusable):
                    raise ValueError(frame.reason)
                entries.append(_write(recording, folder, frame))
            except (FileNotFoundError, ValueError) as error:
                bad.append(f"{frame.name}: {error}")
                print_log(f"skipped {sequence}/{bad[-1]}", logger="current")
        if len(bad) > max_skipped * len(frames):
            raise ValueError(
                f"{len(bad)} of {len(frames)} frames of {sequence} cannot be used, "
                f"allowed are {max_skipped:.0%} (--max-skipped). First {bad[0]}"
            )
        posed = [entry for entry in entries if "transform_matrix" in entry]
        if posed:
            text = json.dumps({"camera_model": "OPENCV", "frames": posed}, indent=1)
            atomic_write_bytes(folder / "transforms.json", text.encode())
        text = f"{folder}: {len(entries)} images, {len(posed)} with pose and camera"
        print_log(text, logger="current")


def _write(recording: Recording, folder: Path, frame: RecordedFrame) -> dict[str, Any]:
    """Write the files of a frame; its entry in ``transforms.json``."""
    color, camera, name = recording.read_color(frame), frame.color_camera, frame.name
    entry: dict[str, Any] = {"file_path": f"images/{public_name(name)}.jpg"}
    if frame.depth is not None:
        depth, of_depth = recording.read_depth(frame), frame.depth_camera
        if of_depth is not None and not _one_view(frame):
            K = None if camera is None else camera.K
            cameras = K, depth, of_depth.K, frame.depth2color
            color, depth = register_color(color, *cameras)
            camera = of_depth
        entry["depth_file_path"] = f"depth/{public_name(name)}.png"
        write_millimetre_png(folder / entry["depth_file_path"], depth)
    _, data = cv2.imencode(".jpg", color[..., ::-1], QUALITY)
    atomic_write_bytes(folder / entry["file_path"], data.tobytes())
    if camera is not None and frame.cam2world is not None:
        (fx, _, cx), (_, fy, cy), _ = camera.K.tolist()
        entry |= {"fl_x": fx, "fl_y": fy, "cx": cx + HALF, "cy": cy + HALF}
        entry |= dict(zip("wh", camera.size))
        opengl = frame.cam2world @ np.array(AXES["opengl"], np.float64)
        entry["transform_matrix"] = opengl.tolist()
    return entry


def _one_view(frame: RecordedFrame) -> bool:
    """Whether depth is of the colour camera, at whatever size."""
    color, depth = frame.color_camera, frame.depth_camera
    if color is None or depth is None or frame.depth2color is not None:
        return False
    return np.allclose(color.K, depth.resized(color.size).K)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_folders(parser, "where the files go")
    add = parser.add_argument
    add_layout(parser)
    add("--max-skipped", type=float, default=0.05, help="share of bad frames allowed")
    add_remedies(parser)


def run(args: argparse.Namespace) -> None:
    """Write plain files as the command line says."""
    write_plain(opened(args), args.out_dir, args.max_skipped)
