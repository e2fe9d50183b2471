"""COLMAP models and their cameras: the only file that imports pycolmap.

Everything leaves this file in the project's conventions: COLMAP counts pixels from the
outer corner of the first one, here centres are at integers, half a pixel less.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vantage3d.checks import check_shape
from vantage3d.io.colmap_files import (
    CameraRecord,
    ImageRecord,
    PointRecord,
    read_cameras,
    read_images,
    read_points,
)
from vantage3d.io.files import DAMAGED
from vantage3d.io.sidecars import write_hashed_bytes

HALF = 0.5
FILES, SUFFIXES = ("cameras", "images", "points3D"), (".bin", ".txt")
OFF_UNIT = 1e-3  # of a quaternion's length
# Models that are a pinhole where their further parameters are 0; fisheyes never are.
LARGEST = 2**20  # pixels of a side
STRAIGHT = (
    *("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV"),
    *("SIMPLE_DIVISION", "DIVISION"),
)


@dataclass(frozen=True)
class ColmapCamera:
    """One camera, with whatever distortion its model has.

    Attributes:
        model: COLMAP's name, such as ``PINHOLE`` or ``THIN_PRISM_FISHEYE``.
        size: (W, H) in pixels.
        params: Parameters in COLMAP's order, the principal point as the file has it.
    """

    model: str
    size: tuple[int, int]
    params: tuple[float, ...]

    @cached_property
    def _camera(self) -> Any:
        return _pycolmap().Camera(
            model=self.model,
            width=self.size[0],
            height=self.size[1],
            params=self.params,
        )

    @property
    def distorts(self) -> bool:
        """Whether pixels are not where a matrix of intrinsics puts them."""
        return self.model not in STRAIGHT or not self._camera.is_undistorted()

    def intrinsics(self) -> NDArray[np.float64]:
        """(3, 3) intrinsics, pixel centres at integers.

        Raises:
            ValueError: If the camera has distortion, which no matrix holds.
        """
        if self.distorts:
            raise ValueError(
                f"a camera of model {self.model} has no intrinsic matrix: its "
                f"parameters {self.params} distort, expected none that do. Undistort "
                "the images first"
            )
        K = np.array(self._camera.calibration_matrix(), np.float64)
        K[:2, 2] -= HALF
        return K

    def undistorted(self) -> "ColmapCamera":
        """The pinhole camera of equal focal lengths, principal point and size.

        Raises:
            ValueError: If the model has no focal length, as panoramas have none.
        """
        camera = self._camera
        if not camera.focal_length_idxs():
            raise ValueError(
                f"a camera of model {self.model} has no focal length, expected one of "
                "a lens. Cut perspective views out of panoramas first"
            )
        focal = camera.focal_length_x, camera.focal_length_y
        center = camera.principal_point_x, camera.principal_point_y
        return ColmapCamera("PINHOLE", self.size, (*focal, *center))

    def resized(self, size: tuple[int, int]) -> "ColmapCamera":
        """The camera of its images at another ``size`` (W, H)."""
        camera = replace(self)._camera  # one of its own, which is changed
        camera.rescale(*size)
        return ColmapCamera(self.model, size, tuple(map(float, camera.params)))

    def project(self, points_cam: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2) pixels of (N, 3) camera points, distorted; NaN behind the camera."""
        check_shape("points_cam", points_cam, "N 3")
        return np.asarray(self._camera.img_from_cam(points_cam)) - HALF

    def rays(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2) x / z and y / z of (N, 2) distorted pixels; NaN where none is."""
        check_shape("pixels", pixels, "N 2")
        return np.asarray(self._camera.cam_from_img(pixels + HALF))


@dataclass(frozen=True)
class ColmapImage:
    """One registered image.

    Attributes:
        name: File name relative to the folder of images.
        camera: Its camera.
        world2cam: (4, 4).
        pixels: (N, 2) of the observations that have a point, centres at integers.
        point_rows: (N,) rows of ``ColmapModel.points`` seen there.
    """

    name: str
    camera: ColmapCamera
    world2cam: NDArray[np.float64]
    pixels: NDArray[np.float64]
    point_rows: NDArray[np.int64]


@dataclass(frozen=True)
class ColmapModel:
    """A sparse reconstruction.

    Attributes:
        images: By name.
        points: (M, 3) world points, in the model's units.
        errors: (M,) mean reprojection error in pixels.
        track_lengths: (M,) images that see a point.
    """

    images: dict[str, ColmapImage]
    points: NDArray[np.float64]
    errors: NDArray[np.float64]
    track_lengths: NDArray[np.int64]


class NewImage(NamedTuple):
    """An image of a model that is written.

    Attributes:
        name: File name relative to the folder of images.
        K: (3, 3) intrinsics of a pinhole without skew, pixel centres at integers.
        size: (W, H).
        world2cam: (4, 4).
        pixels: (N, 2) where it sees points, centres at integers.
        point_rows: (N,) rows of the model's points that it sees there.
    """

    name: str
    K: NDArray[np.float64]
    size: tuple[int, int]
    world2cam: NDArray[np.float64]
    pixels: NDArray[np.float64]
    point_rows: NDArray[np.integer]


def write_colmap(
    folder: Path,
    images: Sequence[NewImage],
    points: NDArray[np.floating],
    colors: NDArray[np.uint8],
) -> None:
    """Write a model, as binary and as text, with a hash beside each file.

    Args:
        folder: Where its files go.
        images: Each with a camera of its own.
        points: (M, 3) in the world; each is seen by one image at least.
        colors: (M, 3) RGB.
    """
    colmap = _pycolmap()
    model, tracks = colmap.Reconstruction(), [colmap.Track() for _ in points]
    for number, image in enumerate(images, 1):
        K = image.K
        params = K[0, 0], K[1, 1], K[0, 2] + HALF, K[1, 2] + HALF
        width, height = image.size
        camera = colmap.Camera(
            model="PINHOLE", width=width, height=height, params=params, camera_id=number
        )
        model.add_camera_with_trivial_rig(camera)
        pixels = image.pixels + HALF
        record = colmap.Image(image.name, pixels.reshape(-1, 2), number, number)
        pose = colmap.Rigid3d(image.world2cam[:3])
        model.add_image_with_trivial_frame(record, pose)
        for place, row in enumerate(image.point_rows.tolist()):
            tracks[row].add_element(number, place)
    for point, track, color in zip(points, tracks, colors):
        model.add_point3D(point, track, color)
    model.update_point_3d_errors()
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".", suffix=".part") as work:
        model.write_binary(work)
        model.write_text(work)
        for path in sorted(Path(work).iterdir()):
            write_hashed_bytes(folder / path.name, path.read_bytes())


def read_colmap(folder: str | Path) -> ColmapModel:
    """Read ``cameras``, ``images`` and ``points3D``, ``.bin`` or ``.txt``.

    Raises:
        FileNotFoundError: If one of the files is missing.
        ValueError: If a file is truncated or damaged, or they are not of one model.
    """
    folder = Path(folder)
    found = {s: [n for n in FILES if (folder / f"{n}{s}").is_file()] for s in SUFFIXES}
    suffix = max(found, key=lambda s: len(found[s]))
    if len(found[suffix]) < len(FILES):
        lacking = ", ".join(name for name in FILES if name not in found[suffix])
        raise FileNotFoundError(
            f"{folder} holds no COLMAP model: {lacking} is missing, as .bin and as "
            ".txt. Export or download it again"
        )
    cameras, images, points = (folder / f"{name}{suffix}" for name in FILES)
    try:
        return _model(read_cameras(cameras), read_images(images), read_points(points))
    except DAMAGED as error:
        raise ValueError(
            f"COLMAP model {folder} is truncated or damaged ({error}). Export or "
            "download it again"
        ) from error


def _model(
    cameras: list[CameraRecord], images: list[ImageRecord], points: list[PointRecord]
) -> ColmapModel:
    points = sorted(points)
    numbers = np.array([point.number for point in points], np.int64)
    lengths = np.array([point.track_length for point in points], np.int64)
    for camera in cameras:
        if not (min(camera.size) > 0 and max(camera.size) < LARGEST):
            raise ValueError(
                f"camera {camera.number} has images of {camera.size} pixels"
            )
    of_number = {c.number: ColmapCamera(c.model, c.size, c.params) for c in cameras}
    for what, count, unlike in (
        ("cameras", len(cameras), len(of_number)),
        ("images", len(images), len({image.name for image in images})),
        ("points", len(points), len(np.unique(numbers))),
    ):
        if count != unlike:
            raise ValueError(f"{count} {what} have {unlike} different names or numbers")
    seen = sum(int((image.observed["point"] >= 0).sum()) for image in images)
    if seen != lengths.sum():
        raise ValueError(
            f"images observe {seen} points, tracks of points have {lengths.sum()} "
            "elements: files of two models, or one that lost its end"
        )
    images = sorted(images, key=lambda image: image.name)
    return ColmapModel(
        {image.name: _image(image, of_number, numbers) for image in images},
        np.array([point.xyz for point in points], np.float64).reshape(-1, 3),
        np.array([point.error for point in points], np.float64),
        lengths,
    )


def _image(
    image: ImageRecord,
    cameras: dict[int, ColmapCamera],
    numbers: NDArray[np.int64],
) -> ColmapImage:
    """An image, its camera and rows of points looked up.

    Args:
        image: As the file has it.
        cameras: By their numbers.
        numbers: (M,) ascending numbers of points.
    """
    if image.camera not in cameras:
        raise ValueError(f"image {image.name} has no camera {image.camera}")
    quaternion, length = np.array(image.pose[:4]), np.linalg.norm(image.pose[:4])
    if not (np.isfinite(image.pose).all() and abs(length - 1) < OFF_UNIT):
        raise ValueError(
            f"image {image.name} has a quaternion of length {length:.3g}, expected 1, "
            f"and shift {image.pose[4:]}"
        )
    seen = image.observed[image.observed["point"] >= 0]
    if not np.isin(seen["point"], numbers).all():
        raise ValueError(f"image {image.name} sees points that points3D has not")
    world2cam = np.eye(4)
    world2cam[:3, :3] = Rotation.from_quat(np.roll(quaternion, -1)).as_matrix()
    world2cam[:3, 3] = image.pose[4:]
    rows = np.searchsorted(numbers, seen["point"]).astype(np.int64)
    pixels = seen["xy"].reshape(-1, 2) - HALF
    return ColmapImage(image.name, cameras[image.camera], world2cam, pixels, rows)


def _pycolmap() -> Any:
    try:
        import pycolmap
    except ImportError as error:
        raise ImportError(
            "pycolmap is not installed and COLMAP models need it: pip install pycolmap"
        ) from error
    return pycolmap
