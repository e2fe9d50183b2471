"""Rooms on disk as recordings: RGB-D folders, ScanNet, SUN3D, TUM, nerfstudio."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from vantage3d.geometry import invert_rigid
from vantage3d.io.colmap import HALF
from vantage3d.io.depth_files import MILLIMETRES, depth_units, rotate_bits
from vantage3d.io.sens import SensFrame, SensHeader, write_sens
from vantage3d.recordings.layouts.sun3d import FRAME_US
from vantage3d.recordings.options import AXES
from vantage3d.synthetic.layouts.files import (
    encode_image,
    matrix_text,
    numbers_text,
    write_depth,
    write_image,
    write_json,
    write_matrix,
    write_ply,
    write_text,
)
from vantage3d.synthetic.render.mesh import scene_mesh
from vantage3d.synthetic.render.scene import CATEGORIES
from vantage3d.synthetic.render.solids import Floats
from vantage3d.synthetic.rooms.filming import (
    Job,
    Splits,
    View,
    color_sensor,
    film,
    sensor_intrinsics,
)
from vantage3d.synthetic.rooms.room import Room

LATE_US = 7_000  # from an image of SUN3D to its depth
EXTRA = 3  # one more depth image after every so many frames
TUM_SCALE, TUM_FPS = 5000.0, 30  # units of depth per metre
DRIFT = 0.02  # metres per frame, of the reconstruction that was replaced
LABEL_COLUMNS = (
    *("id", "raw_category", "category", "count", "nyu40id", "eigen13id", "nyuClass"),
    *("nyu40class", "eigen13class", "ModelNet40", "ModelNet10", "ShapeNetCore55"),
    *("synsetoffset", "wnsynsetid", "wnsynsetkey", "mpcat40", "mpcat40index"),
)


def write_export_scene(root: Path, scene: str, job: Job) -> None:
    """Write the frames and the labelled mesh of one room below ``2D`` and ``3D``."""
    folder, align = root / "2D" / scene, _axis_alignment(job.seed)
    room, views = film(job)
    for view in views:
        write_image(folder / "color" / f"{view.number}.jpg", view.frame.color)
        write_depth(folder / "depth" / f"{view.number}.png", view.frame.depth)
        pose = invert_rigid(align) @ view.cam2world
        write_matrix(folder / "pose" / f"{view.number}.txt", pose)
    square = np.eye(4)
    square[:3, :3] = sensor_intrinsics(job.size)
    for sensor in ("color", "depth"):
        write_matrix(folder / "intrinsic" / f"intrinsic_{sensor}.txt", square)
        write_matrix(folder / "intrinsic" / f"extrinsic_{sensor}.txt", np.eye(4))
    _write_scan(root / "3D" / scene, scene, room, align, job.size)


def _axis_alignment(seed: int) -> Floats:
    """(4, 4) transform from the scan frame to the room's axes."""
    rng = np.random.default_rng([seed, 2])
    yaw = np.deg2rad(rng.uniform(-60, 60))
    align = np.eye(4)
    align[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    align[:3, 3] = [*rng.uniform(-4, 4, 2), rng.uniform(-0.1, 0.1)]
    return np.round(align, 6)


def _write_scan(
    folder: Path, scene: str, room: Room, align: Floats, size: tuple[int, int]
) -> None:
    """Mesh, segments, aggregation and scene facts."""
    mesh = scene_mesh(room, room.bounds)
    inverse = invert_rigid(align)
    scan = mesh._replace(vertices=mesh.vertices @ inverse[:3, :3].T + inverse[:3, 3])
    write_ply(folder / f"{scene}_vh_clean_2.ply", scan)
    segs_file = f"{scene}_vh_clean_2.0.010000.segs.json"
    segments = {"sceneId": scene, "segIndices": mesh.segment.tolist()}
    write_json(folder / segs_file, segments)
    groups = [
        {
            "id": number,
            "objectId": number,
            "segments": np.unique(mesh.segment[mesh.instance == number + 1]).tolist(),
            "label": category.name,
        }
        for number, category in enumerate(room.categories)
    ]
    aggregation = {
        "sceneId": f"scannet.{scene}",
        "appId": "Aggregator.v2",
        "segGroups": groups,
        "segmentsFile": f"scannet.{segs_file}",
    }
    write_json(folder / f"{scene}.aggregation.json", aggregation)
    K = sensor_intrinsics(size)
    facts = {"axisAlignment": " ".join(f"{value:.6f}" for value in align.ravel())}
    for sensor in ("color", "depth"):
        facts[f"{sensor}Height"], facts[f"{sensor}Width"] = str(size[1]), str(size[0])
        facts[f"fx_{sensor}"], facts[f"fy_{sensor}"] = f"{K[0, 0]:f}", f"{K[1, 1]:f}"
        facts[f"mx_{sensor}"], facts[f"my_{sensor}"] = f"{K[0, 2]:f}", f"{K[1, 2]:f}"
    text = "".join(f"{key} = {value}\n" for key, value in sorted(facts.items()))
    write_text(folder / f"{scene}.txt", text)


def write_export_meta(root: Path, splits: Splits, frames: Sequence[int]) -> None:
    """Label table, and the sample ids ``<scene>_<n>`` of every split."""
    folder = root / "meta_data"
    for split, scenes in splits.items():
        text = "".join(f"{scene}_{number}\n" for scene in scenes for number in frames)
        write_text(folder / f"scannetv2_sv_{split}.txt", text)
    rows = ["\t".join(LABEL_COLUMNS)]
    for category in CATEGORIES.values():
        known = {
            "id": str(category.raw_id),
            "raw_category": category.name,
            "category": category.name,
            "count": "1",
            "nyu40id": str(category.nyu40_id),
            "nyu40class": category.nyu40_name,
        }
        rows.append("\t".join(known.get(column, "") for column in LABEL_COLUMNS))
    write_text(folder / "scannetv2-labels.combined.tsv", "\n".join(rows) + "\n")


def write_rgbd_scene(
    root: Path, scene: str, job: Job, two_cameras: bool = False
) -> None:
    """Write ``color depth pose instance semantic`` and ``intrinsic.txt`` of a room.

    With two cameras also ``intrinsic_color.txt`` and ``depth2color.txt``.
    """
    folder, color = root / scene, color_sensor(job.size) if two_cameras else None
    for number, cam2world, frame in film(job, color)[1]:
        write_image(folder / "color" / f"{number}.jpg", frame.color)
        write_depth(folder / "depth" / f"{number}.png", frame.depth)
        write_matrix(folder / "pose" / f"{number}.txt", cam2world)
        for kind, ids in (("instance", frame.instance), ("semantic", frame.semantic)):
            write_image(folder / kind / f"{number}.png", ids.astype(np.uint16))
    if color is not None:
        write_matrix(folder / "intrinsic_color.txt", color.K)
        write_matrix(folder / "depth2color.txt", color.depth2color)
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


def write_tum_scene(root: Path, scene: str, job: Job) -> None:
    """Write ``rgb depth``, their lists, ``groundtruth.txt`` and ``intrinsic.txt``."""
    folder, lists = root / scene, {"rgb": "", "depth": "", "groundtruth": ""}
    for number, cam2world, frame in film(job)[1]:
        time = f"{1 + number / TUM_FPS:.6f}"
        write_image(folder / "rgb" / f"{time}.png", frame.color)
        depth = depth_units(frame.depth, TUM_SCALE)
        write_image(folder / "depth" / f"{time}.png", depth)
        turn = Rotation.from_matrix(cam2world[:3, :3]).as_quat()
        lists["groundtruth"] += f"{time} {numbers_text([*cam2world[:3, 3], *turn])}\n"
        for kind in ("rgb", "depth"):
            lists[kind] += f"{time} {kind}/{time}.png\n"
    for kind, text in lists.items():
        write_text(folder / f"{kind}.txt", text)
    write_text(folder / "intrinsic.txt", matrix_text(sensor_intrinsics(job.size)))


def write_transforms_scene(root: Path, scene: str, job: Job) -> None:
    """Write ``images depth`` and, last, ``transforms.json`` as nerfstudio has it."""
    folder, opengl = root / scene, np.array(AXES["opengl"], np.float64)
    (fx, _, cx), (_, fy, cy), _ = sensor_intrinsics(job.size).tolist()
    frames = []
    for number, cam2world, frame in film(job)[1]:
        name = f"frame_{number:05d}"
        write_image(folder / "images" / f"{name}.jpg", frame.color)
        write_depth(folder / "depth" / f"{name}.png", frame.depth)
        frames.append(
            {
                "file_path": f"images/{name}.jpg",
                "depth_file_path": f"depth/{name}.png",
                "transform_matrix": (cam2world @ opengl).tolist(),
            }
        )
    content = {"camera_model": "PINHOLE", "w": job.size[0], "h": job.size[1]}
    content |= {"fl_x": fx, "fl_y": fy, "cx": cx + HALF, "cy": cy + HALF}
    write_text(folder / "transforms.json", json.dumps({**content, "frames": frames}))


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
