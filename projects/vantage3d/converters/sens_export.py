"""From ``.sens`` recordings to exported scenes, the frames of one scene in a folder."""

import json
import logging
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from vantage3d.converters.index.report import refuse_skipped
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.images import encode_png
from vantage3d.io.rgbd_frames import matrix_text
from vantage3d.io.sens import SensFile, open_sens
from vantage3d.process.parallel import run_parallel
from vantage3d.process.progress import track

MILLIMETRES = 1000.0
MARKER = "export.json"  # written last, with what it was made of


def find_recordings(root: Path) -> dict[str, Path]:
    """Recording of every scene: ``<scene>.sens`` up to two folders below ``root``."""
    patterns = ("*.sens", "*/*.sens", "*/*/*.sens")
    return {p.stem: p for pattern in patterns for p in sorted(root.glob(pattern))}


def export_recordings(
    recordings: Mapping[str, Path],
    out_dir: Path,
    step: int,
    workers: int,
    max_skipped: float,
) -> None:
    """Write ``color depth pose intrinsic`` of scenes into ``<out_dir>/<scene>``.

    Scenes that were finished with the same step are kept.

    Args:
        recordings: Files by scene.
        out_dir: For the scenes.
        step: Takes every so many-th frame.
        workers: Processes.
        max_skipped: Largest share of recordings that may be damaged.

    Raises:
        ValueError: If more are.
    """
    task = partial(_export_one, out_dir=out_dir, step=step)
    results = run_parallel(task, list(recordings.items()), workers, __name__)
    skipped = {}
    for scene, reason in track(results, len(recordings), "exporting .sens"):
        if reason:
            skipped[scene] = reason
            text = f"skipped {scene}: {reason}"
            print_log(text, logger="current", level=logging.WARNING)
    refuse_skipped("recordings", skipped, len(recordings), max_skipped)


def _export_one(item: tuple[str, Path], out_dir: Path, step: int) -> tuple[str, str]:
    """The scene, and why it could not be exported."""
    scene, path = item
    folder = out_dir / scene
    made_of = json.dumps({"bytes": path.stat().st_size, "frame_step": step})
    marker = folder / MARKER
    if marker.is_file() and marker.read_text() == made_of:
        return scene, ""
    shutil.rmtree(folder, ignore_errors=True)
    facts = path.with_suffix(".txt")
    try:
        with open_sens(path) as recording:
            _write_scene(recording, folder, step)
        if facts.is_file():
            shutil.copy(facts, folder)
    except ValueError as error:
        shutil.rmtree(folder, ignore_errors=True)
        return scene, str(error)
    atomic_write_bytes(marker, made_of.encode())
    return scene, ""


def _write_scene(recording: SensFile, folder: Path, step: int) -> None:
    for part in ("color", "depth", "pose", "intrinsic"):
        (folder / part).mkdir(parents=True)
    header = recording.header
    for sensor, K in (("color", header.K_color), ("depth", header.K_depth)):
        (folder / "intrinsic" / f"intrinsic_{sensor}.txt").write_text(matrix_text(K))
    for number, frame in recording.frames(step):
        (folder / "color" / f"{number}.jpg").write_bytes(frame.color)
        depth = frame.depth
        if header.depth_scale != MILLIMETRES:
            depth = np.round(depth * (MILLIMETRES / header.depth_scale))
            depth = np.where(depth < 2**16, depth, 0)
        png = encode_png(depth.astype(np.uint16))
        (folder / "depth" / f"{number}.png").write_bytes(png)
        pose = matrix_text(frame.cam2world)
        (folder / "pose" / f"{number}.txt").write_text(pose)
