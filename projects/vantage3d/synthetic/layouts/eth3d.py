"""Rooms on disk in the layout of ETH3D's high-resolution multi-view data.

Undistorted photographs with a COLMAP text model; ground truth depth as raw float32 on
the distorted images of a thin-prism fisheye lens, with occlusion masks.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vantage3d.geometry import (
    invert_rigid,
    pixel_grid,
    project,
    transform_points,
    unproject_pixels,
)
from vantage3d.io.colmap import HALF, ColmapCamera
from vantage3d.io.depth_files import write_raw_float32
from vantage3d.synthetic.layouts.files import numbers_text, write_image, write_text
from vantage3d.synthetic.render.raycast import cast_rays
from vantage3d.synthetic.render.solids import Floats
from vantage3d.synthetic.rooms.filming import Job, View, film, sensor_intrinsics

FISHEYE = (0.06, -0.02, 4e-4, -3e-4, 0.01, -0.003, 2e-4, -1e-4)  # k1 k2 p1 p2 k3 k4 s s
POINTS_PER_VIEW = 120
OCCLUDED, UNDEFINED = 1, 2
HEADER = "# a synthetic model\n"


# A world point (3,) and the (view, pixel) pairs that see it.
Track = tuple[Floats, list[tuple[int, Floats]]]


def fisheye_camera(size: tuple[int, int]) -> ColmapCamera:
    """The lens before undistortion, of the undistorted camera's focal length."""
    K = sensor_intrinsics(size)
    center = K[0, 2] + HALF + 1.5, K[1, 2] + HALF - 2.0
    params = (K[0, 0], K[1, 1], *center, *FISHEYE)
    return ColmapCamera("THIN_PRISM_FISHEYE", size, tuple(map(float, params)))


def write_scene(root: Path, scene: str, job: Job) -> None:
    """Write photographs, depth, masks and models of one room; the models come last."""
    room, filmed = film(job)
    lens, views = fisheye_camera(job.size), list(filmed)
    for view in views:
        name = _name(view)
        photo = root / scene / "images" / "dslr_images_undistorted" / name
        write_image(photo, view.frame.color)
        turn, eye = view.cam2world[:3, :3], view.cam2world[:3, 3]
        depth = cast_rays(room.solids, eye, _rays(lens) @ turn.T)
        depth = depth.reshape(lens.size[1], lens.size[0])
        # A block that counts as occluded and a strip without ground truth.
        mask, (height, width) = np.zeros(depth.shape, np.uint8), depth.shape
        mask[height // 3 : height // 2, width // 4 : width // 3] = OCCLUDED
        mask[:, : width // 8] = UNDEFINED
        # What masks cover is wrong on purpose: a reader that forgets them is caught.
        depth = np.where(mask > 0, depth / 2, depth)
        folder = root / scene / "ground_truth_depth" / "dslr_images"
        write_raw_float32(folder / name, depth)
        masks = root / scene / "masks_for_images" / "dslr_images"
        write_image(masks / f"{Path(name).stem}.png", mask)
    K, tracks = sensor_intrinsics(job.size), _tracks(views, job)
    pinhole = (K[0, 0], K[1, 1], K[0, 2] + HALF, K[1, 2] + HALF)
    straight = ColmapCamera("PINHOLE", job.size, tuple(map(float, pinhole)))
    for kind, camera, images in (
        ("jpg", lens, "dslr_images"),
        ("undistorted", straight, "dslr_images_undistorted"),
    ):
        folder = root / scene / f"dslr_calibration_{kind}"
        _write_model(folder, camera, views, images, tracks)


def _name(view: View) -> str:
    return f"DSC_{view.number:04d}.JPG"


@lru_cache(maxsize=4)
def _rays(lens: ColmapCamera) -> Floats:
    """(H W, 3) rays of the distorted pixels, z = 1."""
    grid = pixel_grid(lens.size[1], lens.size[0], np.zeros(1)).reshape(-1, 2)
    return np.column_stack([lens.rays(grid), np.ones(len(grid))])


def _tracks(views: Sequence[View], job: Job) -> list[Track]:
    """Points on surfaces, drawn from every view, that at least two views see."""
    rng, K = np.random.default_rng([job.seed, 4]), sensor_intrinsics(job.size)
    tracks = []
    for view in views:
        pixels = rng.uniform(0, np.array(job.size) - 1, (POINTS_PER_VIEW, 2)).round()
        depth = _at(view.frame.depth, pixels)
        points = unproject_pixels(pixels, depth, K, view.cam2world)[depth > 0]
        seen = [_visible(other, points, K) for other in views]
        for row, point in enumerate(points):
            pairs = [(n, p[row]) for n, (p, ok) in enumerate(seen) if ok[row]]
            if len(pairs) > 1:
                tracks.append((point, pairs))
    return tracks


def _visible(view: View, points: Floats, K: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """(N, 2) pixels of world points and whether the view sees them, to 1 %."""
    pixels, depth = project(points, K, invert_rigid(view.cam2world))
    height, width = view.frame.depth.shape
    inside = (depth > 0) & (pixels >= 0).all(1)
    inside &= (pixels <= (width - 1, height - 1)).all(1)
    surface = _at(view.frame.depth, np.where(inside[:, None], pixels, 0))
    return pixels, inside & (np.abs(surface - depth) < 0.01 * depth)


def _at(depth: NDArray, pixels: Floats) -> Floats:
    columns, rows = np.round(pixels).astype(int).T
    return depth[rows, columns].astype(np.float64)


def _write_model(
    folder: Path,
    camera: ColmapCamera,
    views: Sequence[View],
    images: str,
    tracks: Sequence[Track],
) -> None:
    """``points3D.txt``, ``images.txt`` and ``cameras.txt`` as COLMAP writes them."""
    observed: list[list[str]] = [["1.5 2.5 -1"] for _ in views]
    points = []
    for number, (point, seen) in enumerate(tracks, 1):
        ends = []
        for view, _ in seen:
            at = transform_points(invert_rigid(views[view].cam2world), point[None])
            x, y = camera.project(at)[0] + HALF
            ends.append(f"{view + 1} {len(observed[view])}")
            observed[view].append(f"{x:.9g} {y:.9g} {number}")
        place = numbers_text(point)
        points.append(f"{number} {place} 128 128 128 0.5 {' '.join(ends)}")
    write_text(folder / "points3D.txt", _lines(points))
    lines = []
    for number, shown in enumerate(views):
        world2cam = invert_rigid(shown.cam2world)
        x, y, z, w = Rotation.from_matrix(world2cam[:3, :3]).as_quat()
        pose = numbers_text([w, x, y, z, *world2cam[:3, 3]])
        lines.append(f"{number + 1} {pose} 1 {images}/{_name(shown)}")
        lines.append(" ".join(observed[number]))
    write_text(folder / "images.txt", _lines(lines))
    (width, height), params = camera.size, numbers_text(camera.params)
    row = f"1 {camera.model} {width} {height} {params}"
    write_text(folder / "cameras.txt", _lines([row]))


def _lines(lines: list[str]) -> str:
    return HEADER + "".join(f"{line}\n" for line in lines)
