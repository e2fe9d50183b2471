"""``tools/create_data.py eth3d``: images, depth and points at training size."""

import argparse
import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.index.build import build_index
from vantage3d.converters.index.source import FrameSource, Unusable, usable
from vantage3d.converters.runs import add_index_arguments, index_options
from vantage3d.geometry import scale_intrinsics, transform_points
from vantage3d.io.arrays import load_arrays
from vantage3d.io.atomic import atomic_write, atomic_write_bytes
from vantage3d.io.colmap import ColmapCamera, ColmapImage, read_colmap
from vantage3d.io.depth_files import read_raw_float32, write_npy
from vantage3d.io.folders import matching
from vantage3d.io.images import read_color, read_ids
from vantage3d.io.names import check_unique
from vantage3d.io.paths import inside
from vantage3d.recordings.files import frame_names
from vantage3d.recordings.lenses import distorted_pixels
from vantage3d.views.index import IndexedFrame, split_scenes

VISIBLE = 0  # masks: 1 is occluded by what the laser did not see, 2 undefined
UPRIGHT = 0.5  # share of gravity that must lie in the image plane to turn an image
VERSION = 1  # Raised when the files change for the same options.
CALIBRATION = "dslr_calibration_undistorted"
HELD_OUT = ("electro", "kicker", "pipes")
MAX_SIDE = 1036  # twice the width that released VGGT sees
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 95]


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


@dataclass(frozen=True)
class Eth3dScene:
    """A scene on disk, which the options of a source say how to read."""

    source: "Eth3dSource"
    name: str

    @cached_property
    def model(self):
        """The model of the undistorted photographs."""
        return read_colmap(self._part(CALIBRATION))

    @cached_property
    def lenses(self) -> dict[str, ColmapCamera]:
        """Cameras of the distorted photographs, by file name."""
        model = read_colmap(self._part("dslr_calibration_jpg"))
        check_unique((Path(name).name, name) for name in model.images)
        return {Path(name).name: image.camera for name, image in model.images.items()}

    @cached_property
    def down(self) -> NDArray[np.float64]:
        """(3,) world direction that is down in most photographs."""
        axes = np.stack([i.world2cam[1, :3] for i in self.model.images.values()])
        return np.median(axes, axis=0) / np.linalg.norm(np.median(axes, axis=0))

    def _part(self, part: str) -> Path:
        """A folder: all archives unpacked into one, or one folder each."""
        root = self.source.raw
        found = [root / self.name / part, *matching(root, f"*/{self.name}/{part}")]
        for folder in found:
            if folder.is_dir():
                return folder
        raise FileNotFoundError(
            f"scene {self.name} has no {part} below {root}. Unpack the archive that "
            "holds it (data/README.md), or leave it out with --no-masks or "
            "--points-only"
        )

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
        size = target_size(image.camera.size, self.source.max_side)
        scale = size[0] / image.camera.size[0], size[1] / image.camera.size[1]
        K = scale_intrinsics(image.camera.intrinsics(), *scale)
        depth = np.zeros(size[::-1], np.float32)
        if self.source.laser:
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
        if self.source.masks:
            folder = self._part("masks_for_images") / "dslr_images"
            path = folder / f"{Path(name).stem}.png"
            if path.is_file():  # without one everything is visible
                mask = read_ids(path, "occlusion mask")
                if mask.shape != truth.shape:
                    raise ValueError(
                        f"occlusion mask {path} is {mask.shape}, its depth map "
                        f"{truth.shape} (H, W). Take both from one release"
                    )
                truth = np.where(mask == VISIBLE, truth, np.float32(0))
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
    where = distorted_pixels(lens, K, size)
    where = np.where(np.isfinite(where), np.round(where), -1).astype(np.int64)
    inside = (where >= 0).all(-1) & (where < lens.size).all(-1)
    depth = np.zeros(size[::-1], np.float32)
    depth[inside] = truth[where[inside, 1], where[inside, 0]]
    return depth


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
    (fx, _, cx), (_, fy, cy), _ = view.K
    K = np.array([[fy, 0, height - 1 - cy], [0, fx, cx], [0, 0, 1.0]])
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


@dataclass(frozen=True)
class Eth3dSource(FrameSource):
    """Scenes whose small images, depth and points are made on the way.

    Attributes:
        root: The output folder, which paths of frames are relative to.
        raw: Folder of the unpacked archives.
        val_scenes: Held-out scenes; the usual ones that are there if None.
        max_side: Longer side of the images that are made, pixels.
        masks: Whether occlusion masks are used.
        laser: Whether the laser's depth is read.
    """

    root: Path
    raw: Path
    val_scenes: tuple[str, ...] | None = None
    max_side: int = MAX_SIDE
    masks: bool = True
    laser: bool = True

    @property
    def reader(self) -> str:  # type: ignore[override]
        """Without the laser, COLMAP's points are the depth."""
        return "npy" if self.laser else "points"

    @property
    def options(self) -> dict[str, Any]:
        facts = asdict(self)
        del facts["root"]
        return {**facts, "raw": str(self.raw.resolve()), "version": VERSION}

    def splits(self) -> dict[str, list[str]]:
        folders = [
            *matching(self.raw, f"*/{CALIBRATION}"),
            *matching(self.raw, f"*/*/{CALIBRATION}"),
        ]
        check_unique((folder.parent.name, str(folder.parent)) for folder in folders)
        scenes = sorted(folder.parent.name for folder in folders)
        held = self.val_scenes
        if held is None:
            held = tuple(name for name in HELD_OUT if name in scenes)
        return split_scenes(scenes, {"val": held})

    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        scene = Eth3dScene(self, sequence)
        images = scene.model.images
        stems = [f"{sequence}/{name}" for name in frame_names(list(images))]
        return [
            usable(number, partial(self._frame, scene, number, stem, image))
            for number, (stem, image) in enumerate(zip(stems, images.values()))
        ]

    @cached_property
    def _key(self) -> str:
        text = json.dumps(self.options, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _frame(
        self, scene: Eth3dScene, number: int, stem: str, image: ColmapImage
    ) -> IndexedFrame:
        # Names are those of the model: none may lead out of the cache.
        path = inside(self.root / "points", f"{stem}.npz", f"the model of {scene.name}")
        cameras = None
        if path.is_file():
            store = load_arrays(path, "cached points", "Delete it and call again")
            if store["key"].item() == self._key:
                cameras = store["K"], store["world2cam"]
        if cameras is None:
            view = scene.view(image)
            cameras = view.K, view.world2cam
            self._write(stem, view)
        depth = f"depth/{stem}.npy" if self.laser else f"points/{stem}.npz"
        return IndexedFrame(number, f"images/{stem}.jpg", depth, *cameras)

    def _write(self, stem: str, view: SceneView) -> None:
        """Image, depth, and the points, which mark the photograph as finished."""
        _, data = cv2.imencode(".jpg", view.image[..., ::-1], QUALITY)
        atomic_write_bytes(self.root / f"images/{stem}.jpg", data.tobytes())
        if self.laser:
            write_npy(self.root / f"depth/{stem}.npy", view.depth)
        arrays = {
            "key": np.array(self._key),
            "size": np.array(view.depth.shape[::-1]),
            "K": view.K,
            "world2cam": view.world2cam,
            "pixels": view.pixels,
            "depths": view.point_depths,
        }
        path = self.root / f"points/{stem}.npz"
        atomic_write(path, lambda file: np.savez_compressed(file, **arrays))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_index_arguments(parser)
    add = parser.add_argument
    text = f"held-out scenes, * is a wildcard; {', '.join(HELD_OUT)} by default"
    add("--val-scenes", nargs="*", help=text)
    add("--max-side", type=int, default=MAX_SIDE, help="of the images made, pixels")
    add("--no-masks", action="store_true", help="use depth behind occluders too")
    text = "only COLMAP's points, for scenes without laser depth"
    add("--points-only", action="store_true", help=text)


def run(args: argparse.Namespace) -> None:
    """Make the cache as the command line says."""
    options = index_options(args, "eth3d", "max_side")
    held = None if args.val_scenes is None else tuple(args.val_scenes)
    source = Eth3dSource(
        args.out_dir,
        args.root_path,
        held,
        args.max_side,
        not args.no_masks,
        not args.points_only,
    )
    build_index(source, options)
