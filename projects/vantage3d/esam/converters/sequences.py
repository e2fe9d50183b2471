"""Scenes of labelled frames: their entries, and one cloud of each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vantage3d.esam.converters.samples import FOLDERS, Arrays, Entry
from vantage3d.io.points import read_labels, read_points, write_rows
from vantage3d.results.scene_instances import voxel_keys

CELL = 0.02  # metres between points of a scene's cloud
CLOUD = ("points", "semantic_mask", "instance_mask")
FOLDER = {  # of the files that a single-view entry names without it
    "pts_semantic_mask_path": "semantic_mask",
    "pts_instance_mask_path": "instance_mask",
    "super_pts_path": "super_points",
    "pixels_path": "pixels",
}


def frame_with_folders(frame: Entry) -> Entry:
    """A single-view entry with paths from the folder of the set."""
    points = frame["lidar_points"]
    return {
        **frame,
        "lidar_points": {**points, "lidar_path": f"points/{points['lidar_path']}"},
        **{key: f"{folder}/{frame[key]}" for key, folder in FOLDER.items()},
    }


def cloud_of_frames(out_dir: Path, frames: Sequence[Entry]) -> Arrays:
    """The surface that all frames of a scene show together, with its labels.

    One point of each cell that some frame saw: the first one.

    Args:
        out_dir: Folder of the set.
        frames: Single-view entries, of files that are there.
    """
    rows: dict[str, list[np.ndarray]] = {folder: [] for folder in CLOUD}
    for frame in frames:
        file, sums = frame["lidar_points"]["lidar_path"], frame["crc32"]
        points = read_points(out_dir / "points" / file, crc=sums["points"])
        rows["points"].append(points)
        for folder in CLOUD[1:]:
            path = out_dir / folder / file
            rows[folder].append(read_labels(path, len(points), sums[folder]))
    whole = {folder: np.concatenate(parts) for folder, parts in rows.items()}
    cells = voxel_keys(whole["points"][:, :3].astype(np.float64), CELL)
    first = np.sort(np.unique(cells, return_index=True)[1])
    return {folder: values[first] for folder, values in whole.items()}


def write_cloud(out_dir: Path, scene: str, cloud: Arrays) -> Entry:
    """Write ``points/<scene>.bin``, and labels and superpoints beside it.

    Boxes of whole instances are taken from them, and what is found in a whole scene is
    compared on them.

    Args:
        out_dir: Folder of the set.
        scene: Public name.
        cloud: Of the scene.

    Returns:
        ``num_points`` and ``crc32`` of the files.
    """
    sums = {
        folder: write_rows(
            out_dir / folder / f"{scene}.bin", values, FOLDERS[folder][0]
        )
        for folder, values in cloud.items()
    }
    return {"num_points": len(cloud["points"]), "crc32": sums}
