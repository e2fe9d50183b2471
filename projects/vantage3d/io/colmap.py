"""COLMAP models, text or binary: the only file that imports pycolmap.

Everything leaves this file in the project's conventions: COLMAP counts pixels from the
outer corner of the first one, here centres are at integers, half a pixel less.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_shape

HALF = 0.5
FILES, SUFFIXES = ("cameras", "images", "points3D"), (".bin", ".txt")
PINHOLE = ("PINHOLE", "SIMPLE_PINHOLE")


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

    def intrinsics(self) -> NDArray[np.float64]:
        """(3, 3) intrinsics, pixel centres at integers.

        Raises:
            ValueError: If the model has distortion, which no matrix holds.
        """
        if self.model not in PINHOLE:
            raise ValueError(
                f"a camera of model {self.model} has no intrinsic matrix, expected one "
                f"of {', '.join(PINHOLE)}. Undistort the images first"
            )
        K = np.array(self._camera.calibration_matrix(), np.float64)
        K[:2, 2] -= HALF
        return K

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


def read_colmap(folder: str | Path) -> ColmapModel:
    """Read ``cameras``, ``images`` and ``points3D``, ``.bin`` or ``.txt``.

    Raises:
        FileNotFoundError: If one of the files is missing.
        ImportError: If pycolmap is not installed.
        ValueError: If a file is damaged.
    """
    folder = Path(folder)
    found = {s: [n for n in FILES if (folder / f"{n}{s}").is_file()] for s in SUFFIXES}
    most = max(found.values(), key=len)
    if len(most) < len(FILES):
        lacking = ", ".join(name for name in FILES if name not in most)
        raise FileNotFoundError(
            f"{folder} holds no COLMAP model: {lacking} is missing, as .bin and as "
            ".txt. Export or download it again"
        )
    try:
        model = _pycolmap().Reconstruction(str(folder))
        if len(found[".bin"]) < len(FILES):
            _check_last_image(folder / "images.txt", len(model.images))
        return _model(model)
    except (RuntimeError, ValueError, IndexError, KeyError) as error:
        reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise ValueError(
            f"COLMAP model {folder} is truncated or damaged ({reason[0]:.200}). Export "
            "or download it again"
        ) from error


def _check_last_image(path: Path, read: int) -> None:
    """Refuse a text file whose last image was lost for want of a line end."""
    lines = [line for line in path.read_text().splitlines() if line[:1] != "#"]
    listed = sum(1 for line in lines[::2] if line.strip())
    if listed != read:
        raise ValueError(
            f"images.txt lists {listed} images, {read} were read: end its last line "
            "with a line end"
        )


def _model(model: Any) -> ColmapModel:
    rows = {number: row for row, number in enumerate(sorted(model.points3D))}
    points = [model.points3D[number] for number in rows]
    cameras = {
        number: ColmapCamera(
            camera.model_name,
            (int(camera.width), int(camera.height)),
            tuple(map(float, camera.params)),
        )
        for number, camera in model.cameras.items()
    }
    images = {}
    for image in sorted(model.images.values(), key=lambda image: image.name):
        seen = [image.points2D[i] for i in image.get_observation_point2D_idxs()]
        world2cam = np.eye(4)
        world2cam[:3] = image.cam_from_world().matrix()
        images[image.name] = ColmapImage(
            image.name,
            cameras[image.camera_id],
            world2cam,
            np.array([point.xy for point in seen]).reshape(-1, 2) - HALF,
            np.array([rows[point.point3D_id] for point in seen], np.int64),
        )
    return ColmapModel(
        images,
        np.array([point.xyz for point in points]).reshape(-1, 3),
        np.array([point.error for point in points]),
        np.array([point.track.length() for point in points], np.int64),
    )


def _pycolmap() -> Any:
    try:
        import pycolmap
    except ImportError as error:
        raise ImportError(
            "pycolmap is not installed and COLMAP models need it: pip install pycolmap"
        ) from error
    return pycolmap
