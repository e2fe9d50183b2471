"""One scene of ETH3D: photographs, laser depth and COLMAP points at training size."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import pixel_grid, scale_intrinsics, transform_points
from vantage3d.io.colmap import ColmapCamera, ColmapImage, read_colmap
from vantage3d.io.depth_files import read_raw_float32
from vantage3d.io.images import read_color, read_ids

VISIBLE = 0  # masks: 1 is occluded by what the laser did not see, 2 undefined
UPRIGHT = 0.5  # share of gravity that must lie in the image plane to turn an image


class SceneView(NamedTuple):
    """One photograph with all that is known of it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        depth: (H, W) float32 metres of the laser scan, 0 = missing.
        K: (3, 3) in pixels of ``image``.
        world2cam: (4, 4).
        pixels: (N, 2) where COLMAP's points are, centres at integers.
        point_depths: (N,) their z-depth in metres.
    """

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    K: NDArray[np.float64]
    world2cam: NDArray[np.float64]
    pixels: NDArray[np.float64]
    point_depths: NDArray[np.float64]


def find_part(root: Path, scene: str, part: str) -> Path:
    """A folder of a scene: all archives unpacked into one, or one folder each.

    Raises:
        FileNotFoundError: If no archive with it was unpacked.
    """
    found = [root / scene / part, *sorted(root.glob(f"*/{scene}/{part}"))]
    for folder in found:
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"scene {scene} has no {part} below {root}. Unpack the archive that holds it "
        "(data/README.md), or leave it out with --no-masks or --points-only"
    )


@dataclass(frozen=True)
class Eth3dScene:
    """A scene on disk.

    Attributes:
        root: Folder of the unpacked archives.
        name: Name of the scene.
        max_side: Longer side of the images that are made, pixels.
        masks: Whether occlusion masks are used.
        laser: Whether the laser's depth is read.
    """

    root: Path
    name: str
    max_side: int
    masks: bool = True
    laser: bool = True

    @cached_property
    def model(self):
        """The model of the undistorted photographs."""
        return read_colmap(self._part("dslr_calibration_undistorted"))

    @cached_property
    def lenses(self) -> dict[str, ColmapCamera]:
        """Cameras of the distorted photographs, by file name."""
        model = read_colmap(self._part("dslr_calibration_jpg"))
        return {Path(name).name: image.camera for name, image in model.images.items()}

    @cached_property
    def down(self) -> NDArray[np.float64]:
        """(3,) world direction that is down in most photographs."""
        axes = np.stack([i.world2cam[1, :3] for i in self.model.images.values()])
        return np.median(axes, axis=0) / np.linalg.norm(np.median(axes, axis=0))

    def _part(self, part: str) -> Path:
        return find_part(self.root, self.name, part)

    def view(self, image: ColmapImage) -> SceneView:
        """One photograph, turned upright.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If one is damaged or of another size.
        """
        photo = read_color(self._part("images") / image.name)
        if photo.shape[1::-1] != image.camera.size:
            raise ValueError(
                f"photograph {image.name} of {self.name} is {photo.shape[1::-1]}, its "
                f"camera {image.camera.size} (W, H). Take both from one archive"
            )
        size = target_size(image.camera.size, self.max_side)
        scale = size[0] / image.camera.size[0], size[1] / image.camera.size[1]
        K = scale_intrinsics(image.camera.intrinsics(), *scale)
        depth = np.zeros(size[::-1], np.float32)
        if self.laser:
            depth = self._laser(Path(image.name).name, K, size)
        points = transform_points(image.world2cam, self.model.points[image.point_rows])
        view = SceneView(
            cv2.resize(photo, size, interpolation=cv2.INTER_AREA),
            depth,
            K,
            image.world2cam,
            (image.pixels + 0.5) * scale - 0.5,
            points[:, 2],
        )
        for _ in range(quarter_turns(image.world2cam, self.down)):
            view = turn_clockwise(view)
        return view

    def _laser(
        self, name: str, K: NDArray[np.float64], size: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Laser depth under every pixel: looked up through the lens, never mixed."""
        if name not in self.lenses:
            raise ValueError(f"{self.name}/dslr_calibration_jpg has no image {name}")
        lens = self.lenses[name]
        folder = self._part("ground_truth_depth") / "dslr_images"
        truth = read_raw_float32(folder / name, lens.size)
        if self.masks:
            folder = self._part("masks_for_images") / "dslr_images"
            truth = _masked(truth, folder / f"{Path(name).stem}.png")
        return look_up(truth, lens, K, size)


def look_up(
    truth: NDArray[np.float32],
    lens: ColmapCamera,
    K: NDArray[np.float64],
    size: tuple[int, int],
) -> NDArray[np.float32]:
    """Depth of a distorted image under the pixels of a pinhole image.

    Args:
        truth: (h, w) depth on the distorted image.
        lens: Its camera.
        K: (3, 3) of the pinhole image, which has the same pose.
        size: (W, H) of the pinhole image.

    Returns:
        (H, W) depth, 0 = missing or beyond the distorted image.
    """
    pixels = pixel_grid(size[1], size[0], K).reshape(-1, 2)
    rays = np.ones((len(pixels), 3))
    rays[:, :2] = (pixels - K[:2, 2]) / K[[0, 1], [0, 1]]
    where = lens.project(rays)
    where = np.where(np.isfinite(where), np.round(where), -1).astype(np.int64)
    inside = (where >= 0).all(axis=1) & (where < lens.size).all(axis=1)
    depth = np.zeros(len(pixels), np.float32)
    depth[inside] = truth[where[inside, 1], where[inside, 0]]
    return depth.reshape(size[1], size[0])


def target_size(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """(W, H) resized in proportion so that no side is longer than ``max_side``."""
    scale = min(1.0, max_side / max(size))
    return round(size[0] * scale), round(size[1] * scale)


def quarter_turns(world2cam: NDArray[np.float64], down: NDArray[np.float64]) -> int:
    """How often to turn an image clockwise by 90 degrees until down is down.

    ETH3D stores portrait photographs as landscapes. A camera that looks straight down
    or up has no such side and is left as it is.
    """
    x, y, _ = world2cam[:3, :3] @ down
    if np.hypot(x, y) < UPRIGHT:
        return 0
    return int(np.round(np.arctan2(x, y) / (np.pi / 2))) % 4


def turn_clockwise(view: SceneView) -> SceneView:
    """The same view with the camera turned about its axis, exactly."""
    height = view.image.shape[0]
    K = np.array(
        [
            [view.K[1, 1], 0, height - 1 - view.K[1, 2]],
            [0, view.K[0, 0], view.K[0, 2]],
            [0, 0, 1.0],
        ]
    )
    turn = np.eye(4)
    turn[:2, :2] = [[0, -1], [1, 0]]
    x, y = view.pixels.T
    return SceneView(
        np.ascontiguousarray(np.rot90(view.image, -1)),
        np.ascontiguousarray(np.rot90(view.depth, -1)),
        K,
        turn @ view.world2cam,
        np.stack([height - 1 - y, x], 1),
        view.point_depths,
    )


def _masked(truth: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    """Depth where the mask says visible; images without a mask are all visible."""
    if not path.is_file():
        return truth
    mask = read_ids(path, "occlusion mask")
    if mask.shape != truth.shape:
        raise ValueError(
            f"occlusion mask {path} is {mask.shape}, its depth map {truth.shape} "
            "(H, W). Take both from one release"
        )
    return np.where(mask == VISIBLE, truth, np.float32(0))
