"""Rooms on disk with annotation files ``.jgz``: Co3D, Hypersim and the plain schema.

A scene's own annotation file is written last and marks it as finished; ``write_meta``
joins them into one per split.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from vantage3d.converters.annotations import (
    AnnotatedFrame,
    parse_frames,
    read_annotations,
    write_annotations,
)
from vantage3d.geometry import distance_to_depth, invert_rigid
from vantage3d.io.depth_files import write_float16_png, write_hdf5
from vantage3d.synthetic.layouts.files import write_depth, write_image
from vantage3d.synthetic.render.solids import Floats
from vantage3d.synthetic.rooms.filming import Job, Splits, View, film, sensor_intrinsics

CATEGORY = "chair"  # any of Co3D's
OBJECT_REACH = 2.5  # metres; Co3D's masks cover what is nearer here
METERS_PER_ASSET = 0.0254
PART = "annotations/scenes/{0}.jgz"  # of one scene
RELEASED_SPLITS = {"train": "train", "val": "test"}

# (root, scene, view, K) writes the files of a view.
Writer = Callable[[Path, str, View, Floats], AnnotatedFrame]


def write_scene(write_view: Writer, root: Path, scene: str, job: Job) -> None:
    """Write the frames of a room, then its annotations."""
    K = sensor_intrinsics(job.size)
    frames = [write_view(root, scene, view, K) for view in film(job)[1]]
    sequence = Path(frames[0].image).parent.parent.as_posix()
    write_annotations(root / PART.format(scene), {sequence: frames})


def write_meta(prefix: str, root: Path, splits: Splits, frames: Sequence[int]) -> None:
    """The annotation file of every split; ``prefix`` begins its name."""
    for split, scenes in splits.items():
        joined = {
            name: list(parse_frames(name, entries))
            for scene in scenes
            for name, entries in read_annotations(root / PART.format(scene)).items()
        }
        name = f"{prefix}{RELEASED_SPLITS[split]}.jgz"
        write_annotations(root / "annotations" / name, joined)


def write_co3d_view(root: Path, scene: str, view: View, K: Floats) -> AnnotatedFrame:
    """Image, half-precision depth with wrong values off the mask, and the mask."""
    folder, name = f"{CATEGORY}/{scene}", f"frame{view.number:06d}"
    depth = view.frame.depth
    mask = depth < OBJECT_REACH
    write_image(root / folder / "images" / f"{name}.jpg", view.frame.color)
    path = root / folder / "depths" / f"{name}.jpg.geometric.png"
    write_float16_png(path, np.where(mask, depth, depth / 2))
    covered = np.where(mask, 255, 0).astype(np.uint8)
    write_image(root / folder / "depth_masks" / f"{name}.png", covered)
    image = f"{folder}/images/{name}.jpg"
    return AnnotatedFrame(image, invert_rigid(view.cam2world), K)


def write_plain_view(root: Path, scene: str, view: View, K: Floats) -> AnnotatedFrame:
    """Image and millimetre depth, as ScanNet's are annotated."""
    image = f"{scene}/color/{view.number}.jpg"
    depth = f"{scene}/depth/{view.number}.png"
    write_image(root / image, view.frame.color)
    write_depth(root / depth, view.frame.depth)
    return AnnotatedFrame(image, invert_rigid(view.cam2world), K, depth)


def write_hypersim_view(
    root: Path, scene: str, view: View, K: Floats
) -> AnnotatedFrame:
    """Image and distances along rays; poses in asset units, centres at halves."""
    image = f"{scene}/images/{view.number:04d}.color.jpg"
    path = f"{scene}/depths/{view.number:04d}.depth_meters.hdf5"
    write_image(root / image, view.frame.color)
    depth = view.frame.depth
    write_hdf5(root / path, depth / distance_to_depth(np.ones_like(depth), K))
    world2cam = invert_rigid(view.cam2world)
    world2cam[:3, 3] /= METERS_PER_ASSET
    corner = K + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    return AnnotatedFrame(image, world2cam, corner, path, METERS_PER_ASSET)


LAYOUTS: dict[str, tuple[Writer, str]] = {  # with the prefix of annotation files
    "co3d": (write_co3d_view, f"{CATEGORY}_"),
    "annotations": (write_plain_view, ""),
    "hypersim": (write_hypersim_view, ""),
}
