"""A small scene on disk: frames of different lengths, and a cloud of all of them."""

from pathlib import Path

import numpy as np

from vantage3d.esam.scene_entries import scene_entry
from vantage3d.io.infos import save_info
from vantage3d.io.points import write_rows

SCENE = "scene0000_00"
LENGTHS = (40, 30, 50)
# Raw ids, as NYU40 and as ScanNet200 has them: a wall and two things.
SEMANTIC = {0: 0, 4: 1, 7: 4, 9: 5}


def make_frame(rng: np.random.Generator, place: int, length: int) -> dict:
    """Points of a frame; the instances 7 and 9, of which the second shows only 9."""
    ids = rng.choice([0, 4, 9] if place == 1 else [0, 4, 7, 9], length)
    points = np.concatenate([rng.normal(size=(length, 3)), np.full((length, 3), 9)], 1)
    return {
        "points": points.astype(np.float32),
        "semantic_mask": np.vectorize(SEMANTIC.get)(ids),
        "instance_mask": ids,
        "super_points": np.unique(ids, return_inverse=True)[1],
    }


def write(folder: Path, file: str, arrays: dict) -> None:
    """Write the files of a frame or of a cloud."""
    for name, values in arrays.items():
        path = folder / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        write_rows(path, values, "<f4" if name == "points" else "<i8")


def entry_of(place: int) -> dict:
    """The single-view entry of a frame."""
    file = f"{SCENE}/{40 * place}.bin"
    return {
        "sample_idx": f"{SCENE}_{40 * place}",
        "lidar_points": {"lidar_path": f"points/{file}"},
        "pts_semantic_mask_path": f"semantic_mask/{file}",
        "pts_instance_mask_path": f"instance_mask/{file}",
        "super_pts_path": f"super_points/{file}",
        "pose": np.eye(4).tolist(),
        "axis_align_matrix": np.eye(4).tolist(),
    }


def save(root: Path, entry: dict) -> None:
    """Write the info file of one scene."""
    save_info(root / "infos.json", {}, [entry])


def write_scene(root: Path, lengths: tuple[int, ...] = LENGTHS) -> list[dict]:
    """Write a scene and its info file; the arrays of its frames."""
    rng = np.random.default_rng(0)
    frames = [make_frame(rng, place, n) for place, n in enumerate(lengths)]
    for place, arrays in enumerate(frames):
        write(root, f"{SCENE}/{40 * place}.bin", arrays)
    whole = {k: np.concatenate([frame[k] for frame in frames]) for k in frames[0]}
    write(root, f"{SCENE}.bin", whole)
    save(root, scene_entry(SCENE, list(map(entry_of, range(len(lengths))))))
    return frames
