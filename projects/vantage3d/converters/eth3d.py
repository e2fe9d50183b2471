"""``tools/create_data.py eth3d``: images, depth and points at training size."""

import argparse
import hashlib
import io
import json
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vantage3d.converters.eth3d_scene import Eth3dScene, SceneView
from vantage3d.converters.index.build import build_index
from vantage3d.converters.index.source import (
    FrameSource,
    Unusable,
    add_index_arguments,
    index_options,
    usable,
)
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.colmap import ColmapImage
from vantage3d.io.depth_files import write_npy
from vantage3d.views.index import IndexedFrame
from vantage3d.views.names import split_scenes

VERSION = 1  # Raised when the files change for the same options.
CALIBRATION = "dslr_calibration_undistorted"
HELD_OUT = ("electro", "kicker", "pipes")
MAX_SIDE = 1036  # twice the width that released VGGT sees
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 95]


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
            *self.raw.glob(f"*/{CALIBRATION}"),
            *self.raw.glob(f"*/*/{CALIBRATION}"),
        ]
        scenes = sorted({folder.parent.name for folder in folders})
        held = self.val_scenes
        if held is None:
            held = tuple(name for name in HELD_OUT if name in scenes)
        return split_scenes(scenes, {"val": held})

    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        scene = Eth3dScene(self.raw, sequence, self.max_side, self.masks, self.laser)
        images = scene.model.images
        # Cameras of a rig have a folder each, with the same names in it.
        alike = len({Path(name).stem for name in images}) < len(images)
        paths = [Path(name).with_suffix("") for name in images]
        stems = [f"{sequence}/{p.as_posix() if alike else p.name}" for p in paths]
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
        if (cameras := self._finished(stem)) is None:
            view = scene.view(image)
            cameras = view.K, view.world2cam
            self._write(stem, view)
        depth = f"depth/{stem}.npy" if self.laser else f"points/{stem}.npz"
        return IndexedFrame(number, f"images/{stem}.jpg", depth, *cameras)

    def _finished(self, stem: str) -> tuple[np.ndarray, np.ndarray] | None:
        """``K`` and ``world2cam`` of a photograph that was made with these options."""
        path = self.root / f"points/{stem}.npz"
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as store:
            if store["key"].item() != self._key:
                return None
            return store["K"], store["world2cam"]

    def _write(self, stem: str, view: SceneView) -> None:
        """Image, depth, and the points, which mark the photograph as finished."""
        _, data = cv2.imencode(".jpg", view.image[..., ::-1], QUALITY)
        atomic_write_bytes(self.root / f"images/{stem}.jpg", data.tobytes())
        if self.laser:
            write_npy(self.root / f"depth/{stem}.npy", view.depth)
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            key=np.array(self._key),
            size=np.array(view.depth.shape[::-1]),
            K=view.K,
            world2cam=view.world2cam,
            pixels=view.pixels,
            depths=view.point_depths,
        )
        atomic_write_bytes(self.root / f"points/{stem}.npz", buffer.getvalue())


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
