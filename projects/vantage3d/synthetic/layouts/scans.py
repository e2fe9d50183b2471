"""Rooms on disk as SceneNN and 3RScan: frames, poses and labelled meshes."""

from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from vantage3d.geometry import invert_rigid, scale_intrinsics, transform_points
from vantage3d.io.depth_files import MILLIMETRES, depth_units
from vantage3d.io.ply import ply_bytes, rgb_columns
from vantage3d.recordings.layouts.scenenn import UPRIGHT
from vantage3d.synthetic.layouts.files import (
    matrix_text,
    numbers_text,
    write_bytes,
    write_image,
    write_json,
    write_matrix,
    write_text,
)
from vantage3d.synthetic.render.mesh import scene_mesh
from vantage3d.synthetic.rooms.filming import (
    ColorSensor,
    Job,
    film,
    sensor_intrinsics,
)

FIRST_OBJECT = 8844  # objects of SceneNN have any numbers


def write_scenenn_scene(root: Path, scene: str, job: Job) -> None:
    """Write ``image depth trajectory.log``, the mesh and, last, its annotation.

    Frame n of the job is image n + 1; y points up in the world.
    """
    folder, log = root / scene, ""
    room, views = film(job)
    down = invert_rigid(UPRIGHT)
    for number, cam2world, frame in views:
        name = f"{number + 1:05d}.png"
        write_image(folder / "image" / f"image{name}", frame.color)
        millimetres = depth_units(frame.depth, MILLIMETRES)
        write_image(folder / "depth" / f"depth{name}", millimetres)
        log += f"{number} {number} {number + 1}\n{matrix_text(down @ cam2world)}"
    write_text(folder / "trajectory.log", log)
    write_text(folder / "intrinsic.txt", matrix_text(sensor_intrinsics(job.size)))
    mesh = scene_mesh(room, room.bounds)
    objects = np.where(mesh.instance > 0, mesh.instance + FIRST_OBJECT, 0)
    columns = rgb_columns(mesh.colors) | {"label": objects.astype(np.int32)}
    points = transform_points(down, mesh.vertices)
    write_bytes(folder / f"{scene}.ply", ply_bytes(points, columns, mesh.faces))
    segments = {"sceneId": scene, "segIndices": mesh.segment.tolist()}
    write_json(root / "mesh_segs" / f"{scene}.segs.json", segments)
    rows = "".join(
        f'  <label id="{number + FIRST_OBJECT}" text={quoteattr(category.name)} '
        f"nyu_class={quoteattr(category.nyu40_name)} />\n"
        for number, category in enumerate(room.categories, 1)
    )
    write_text(folder / f"{scene}.xml", f"<annotation>\n{rows}</annotation>\n")


def write_3rscan_scene(root: Path, scene: str, job: Job) -> None:
    """Write ``sequence`` and the mesh of one room, and last its segments.

    Colour images are larger than depth images and of other proportions; both are one
    camera.
    """
    folder = root / scene
    size = job.size[0] * 3 // 2, job.size[1] * 5 // 4
    K = sensor_intrinsics(job.size)
    K_color = scale_intrinsics(K, size[0] / job.size[0], size[1] / job.size[1])
    room, views = film(job, ColorSensor(size, K_color, np.eye(4)))
    for number, cam2world, frame in views:
        stem = folder / "sequence" / f"frame-{number:06d}"
        write_image(stem.with_suffix(".color.jpg"), frame.color)
        millimetres = depth_units(frame.depth, MILLIMETRES)
        write_image(stem.with_suffix(".depth.pgm"), millimetres)
        write_matrix(stem.with_suffix(".pose.txt"), cam2world)
    facts = {"m_versionNumber": "4", "m_depthShift": f"{MILLIMETRES:g}"}
    for sensor, of_sensor, (w, h) in (("Color", K_color, size), ("Depth", K, job.size)):
        square = np.eye(4)
        square[:3, :3] = of_sensor
        facts[f"m_{sensor.lower()}Width"] = str(w)
        facts[f"m_{sensor.lower()}Height"] = str(h)
        facts[f"m_calibration{sensor}Intrinsic"] = numbers_text(square)
    text = "".join(f"{key} = {value}\n" for key, value in facts.items())
    write_text(folder / "sequence" / "_info.txt", text)
    mesh = scene_mesh(room, room.bounds)
    nyu40 = np.array([0, *(category.nyu40_id for category in room.categories)])
    columns = rgb_columns(mesh.colors) | {
        "objectId": mesh.instance.astype(np.int32),
        "NYU40": nyu40[mesh.instance].astype(np.uint8),
    }
    path = folder / "labels.instances.annotated.v2.ply"
    write_bytes(path, ply_bytes(mesh.vertices, columns, mesh.faces))
    segments = {"sceneId": scene, "segIndices": mesh.segment.tolist()}
    write_json(folder / "mesh.refined.0.010000.segs.v2.json", segments)
