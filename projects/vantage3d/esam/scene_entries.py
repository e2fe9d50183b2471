"""A scene of an info file: what a single-view file says of each frame, as lists.

A converter joins frames to a scene, a dataset takes them apart again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Entry = dict[str, Any]
SCENE, PATHS = "point_cloud", "pts_paths"
LISTS = {  # key of a scene -> key of a frame; the first four each scene has
    PATHS: "lidar_points",
    "pts_semantic_mask_paths": "pts_semantic_mask_path",
    "pts_instance_mask_paths": "pts_instance_mask_path",
    "super_pts_paths": "super_pts_path",
    "pixels_paths": "pixels_path",
    "img_paths": "img_path",
    "clip_feat_paths": "clip_feat_path",
    "sample_idxs": "sample_idx",
    "poses": "pose",
    "cam2imgs": "cam2img",
    "img_shapes": "img_shape",
    "color_cam2imgs": "color_cam2img",
    "color_shapes": "color_shape",
    "depth2colors": "depth2color",
    "frame_num_points": "num_points",
    "frame_crc32s": "crc32",
}
NEEDED = tuple(LISTS)[:4]


def scene_entry(scene: str, frames: Sequence[Entry]) -> Entry:
    """The entry of a scene.

    What some frames lack is None in the list, what all lack has no list.

    Args:
        scene: Public name.
        frames: Single-view entries in order of time, with paths from the set's folder.
    """
    lists = {key: [f.get(name) for f in frames] for key, name in LISTS.items()}
    lists = {k: v for k, v in lists.items() if any(x is not None for x in v)}
    lists[PATHS] = [points["lidar_path"] for points in lists[PATHS]]
    return {
        "sample_idx": scene,
        SCENE: {"num_features": 6, "lidar_idx": scene},
        "axis_align_matrix": frames[0]["axis_align_matrix"],
        **lists,
    }


def scene_name(entry: Mapping[str, Any]) -> Any:
    """The name of a scene, also in legacy files; None without one."""
    of_points = entry.get(SCENE)
    known = of_points.get("lidar_idx") if isinstance(of_points, dict) else None
    return entry.get("sample_idx", known)


def frame_entries(entry: Entry, where: str) -> list[Entry]:
    """What :func:`scene_entry` joined.

    Args:
        entry: Of a scene, or of a legacy file.
        where: What errors call it.

    Raises:
        ValueError: If a list is missing or has another length than the others.
    """
    if missing := [key for key in NEEDED if not isinstance(entry.get(key), list)]:
        raise ValueError(
            f"{where} has no lists {missing}: expected a file of sequences, such as "
            "`tools/create_data.py rgbd_mv` writes"
        )
    lists = {key: entry[key] for key in LISTS if key in entry}
    lengths = {key: len(values) for key, values in lists.items()}
    if len(set(lengths.values())) > 1 or not lengths[PATHS]:
        raise ValueError(
            f"{where}: each frame needs a value in every list, and at least one frame, "
            f"got lists of {lengths}. Write the file again with tools/create_data.py"
        )
    shared = {k: v for k, v in entry.items() if k not in (*LISTS, SCENE, "cloud")}
    frames = []
    for values in zip(*lists.values()):
        own = {LISTS[k]: v for k, v in zip(lists, values) if v is not None}
        path = own["lidar_points"]
        own["lidar_points"] = {"num_pts_feats": 6, "lidar_path": path}
        if "sample_idx" not in own:
            stem = str(path).rpartition("/")[2].rpartition(".")[0]
            own["sample_idx"] = f"{scene_name(entry)}_{stem}"
        frames.append({**shared, **own})
    return frames
