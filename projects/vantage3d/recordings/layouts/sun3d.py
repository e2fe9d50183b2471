"""SUN3D: two streams of images paired by time, and all poses in one file.

Colour and depth are independent streams: every image belongs to the depth image that
is nearest in time. The poses of all images stand in one text file, three rows of four
numbers each, camera to world; of several files the last one counts.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.io.folders import natural_order
from vantage3d.io.images import read_size
from vantage3d.io.matrices import check_rigid
from vantage3d.io.sun3d import (
    check_continuity,
    last_extrinsics,
    nearest_in_time,
    read_poses,
    times_us,
)
from vantage3d.recordings.files import folders_with, named
from vantage3d.recordings.recording import (
    Camera,
    Look,
    RecordedFrame,
    Recording,
    kept,
)

FRAME_US = 33_333  # of a 30 Hz stream
MAX_APART_MS = 25.0
SUFFIXES = (".jpg", ".jpeg", ".png")
# Where colour, poses and intrinsics of a sequence are: as released, and renamed.
PARTS = (
    ("image", "extrinsics", "intrinsics.txt"),
    ("color", "pose", "intrinsic/intrinsics.txt"),
)


class Sequence(NamedTuple):
    """The files of a sequence, read together.

    Attributes:
        numbers: Place of every colour image by its name, in order.
        images: N colour images.
        depths: The depth image of each.
        apart_ms: Between both.
        poses: (N, 4, 4) camera to world; not finite where the tracking was lost.
        camera: That of both streams.
    """

    numbers: dict[str, int]
    images: list[Path]
    depths: list[Path]
    apart_ms: NDArray[np.float64]
    poses: NDArray[np.float64]
    camera: Camera


@dataclass(frozen=True)
class Sun3d(Recording):
    """Folders with ``image depth extrinsics intrinsics.txt``.

    Frame numbers are positions in the sorted colour images. The renamed layout
    ``color depth pose intrinsic`` has lost its timestamps and is paired by position,
    with a warning.

    Attributes:
        max_apart_ms: A colour image whose depth is farther away cannot be used.
    """

    layout = "sun3d"
    title = "SUN3D"
    rotated_bits = True

    max_apart_ms: float = MAX_APART_MS

    @classmethod
    def look(cls, root: Path) -> Look:
        looks = []
        for parts in PARTS:
            folder = next(iter(folders_with(root, *parts[:2]).values()), root)
            needed = [*parts, "depth"]
            found = [part for part in needed if (folder / part).exists()]
            looks.append((found, [part for part in needed if part not in found]))
        # A colour folder is anyone's; only the intrinsics of the renamed are its own.
        found, lacking = looks[0] if PARTS[1][2] not in looks[1][0] else looks[1]
        own = {"image", "extrinsics", PARTS[1][2]} & {*found}
        return Look(cls.layout, tuple(found if own else ()), tuple(lacking))

    def sequences(self) -> list[str]:
        return list(self.folders())

    def names(self, sequence: str) -> list[str]:
        return list(self.read(sequence).numbers)

    def number(self, sequence: str, name: str) -> int:
        return self.read(sequence).numbers[name]

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        whole = self.read(sequence)
        at = whole.numbers[name]
        image, depth, pose = whole.images[at], whole.depths[at], whole.poses[at]
        apart = whole.apart_ms[at]
        if apart > self.max_apart_ms:
            raise ValueError(
                f"the depth image nearest to {image.name} in time is {apart:.1f} ms "
                f"away, allowed are {self.max_apart_ms:g} (--max-apart-ms)"
            )
        check_rigid(pose, f"of image {at} ({image.name})")
        of_color = whole.camera.resized(read_size(image))
        of_depth = whole.camera.resized(read_size(depth, "depth image"))
        return RecordedFrame(name, at, image, of_color, depth, of_depth, None, pose)

    @kept
    def folders(self) -> dict[str, Path]:
        """Folder of every sequence, in order of their names."""
        found = folders_with(self.root, *PARTS[1][:2])
        found |= folders_with(self.root, *PARTS[0][:2])
        return dict(sorted(found.items(), key=lambda item: natural_order(item[0])))

    @kept
    def read(self, sequence: str) -> Sequence:
        """The files of a sequence.

        Raises:
            FileNotFoundError: If a file of the whole sequence is missing.
            ValueError: If they do not belong together, or poses jump.
        """
        folder = self.folders()[sequence]
        color, extrinsics, intrinsics = PARTS[not (folder / "image").is_dir()]
        images, depths = (named(folder / part, SUFFIXES) for part in (color, "depth"))
        if not images or not depths:
            raise FileNotFoundError(
                f"{folder} has {len(images)} colour and {len(depths)} depth images, "
                "expected some of both. Download the sequence again"
            )
        paths, poses_file = list(images.values()), last_extrinsics(folder / extrinsics)
        poses = read_poses(poses_file, len(images))
        camera = self.camera(folder / intrinsics, read_size(paths[0]))
        image_us, depth_us = times_us(list(images)), times_us(list(depths))
        # Frames of a 30 Hz stream between two images; None where times are lost.
        step = None
        if image_us is not None and len(images) > 1:
            step = max(1.0, float(np.median(np.diff(image_us))) / FRAME_US)
        check_continuity(poses, poses_file, step)
        pairs, apart = np.arange(len(images)), np.zeros(len(images))
        if image_us is None or depth_us is None:
            self._pair_by_position(folder, len(images), len(depths))
        else:
            pairs, apart_us = nearest_in_time(image_us, depth_us)
            apart = apart_us / 1000
            print_log(
                f"{sequence}: {len(images)} colour and {len(depths)} depth images, "
                f"paired by time: {np.median(apart):.1f} ms apart at the median, "
                f"{apart.max():.1f} ms at most",
                logger="current",
            )
        all_depths = list(depths.values())
        numbers = {name: at for at, name in enumerate(images)}
        chosen = [all_depths[at] for at in pairs]
        return Sequence(numbers, paths, chosen, apart, poses, camera)

    def _pair_by_position(self, folder: Path, images: int, depths: int) -> None:
        """Pairs of files that were renamed; wrong if that was done before pairing."""
        if images != depths:
            raise ValueError(
                f"{folder} has {images} colour and {depths} depth images without "
                "timestamps in their names: pairing them by position would put images "
                "and depth of different moments together. Take the files as they were "
                "released (<number>-<microseconds>), or pair them by nearest timestamp "
                "before renaming"
            )
        self.assumed(
            f"{folder}: names have no timestamps, images and depth are paired by "
            "position. This is right only if they were paired by nearest timestamp "
            "when they were renamed"
        )
