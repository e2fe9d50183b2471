"""``tools/create_data.py sun3d``: an index of SUN3D sequences.

Colour and depth are independent streams: every image belongs to the depth image that
is nearest in time. The poses of all images stand in one text file, three rows of four
numbers each, camera to world; of several files the last one counts.
"""

import argparse
import logging
import re
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.converters.index.build import build_index
from vantage3d.converters.index.source import FrameSource, Unusable, usable
from vantage3d.converters.runs import add_index_arguments, index_options
from vantage3d.geometry import invert_rigid
from vantage3d.io.images import read_size
from vantage3d.io.matrices import check_rigid, read_intrinsics
from vantage3d.views.index import IndexedFrame, sequence_name, split_scenes

FRAME_US = 33_333  # of a 30 Hz stream
MAX_ANGLE_DEG, MAX_STEP = 5.0, 0.1  # median between two frames of 30 Hz, metres
TURNED_DEG = 60.0  # a wrong stride turns by 120
Poses = NDArray[np.float64]


def list_stream(folder: Path) -> tuple[list[Path], NDArray[np.int64] | None]:
    """Images of a stream in order of their names, and their times in microseconds.

    Names are ``<number>-<microseconds>``; where one is not, the times are None.
    """
    suffixes = (".jpg", ".jpeg", ".png")
    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in suffixes)
    times = [m[1] for p in paths if (m := re.fullmatch(r"\d+-(\d+)", p.stem))]
    return paths, np.array(times, np.int64) if len(times) == len(paths) else None


def nearest_in_time(
    images: NDArray[np.int64], depths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The depth image of every colour image.

    Args:
        images: (N,) ascending times in microseconds.
        depths: (M,) ascending times in microseconds, M > 0.

    Returns:
        (N,) index in ``depths``, and (N,) how far away it is in microseconds.
    """
    after = np.clip(np.searchsorted(depths, images), 0, len(depths) - 1)
    before = np.maximum(after - 1, 0)
    earlier = images - depths[before] <= np.abs(depths[after] - images)
    chosen = np.where(earlier, before, after)
    return chosen, np.abs(depths[chosen] - images)


def last_extrinsics(folder: Path) -> Path:
    """The newest file of poses; their names are dates.

    Raises:
        FileNotFoundError: If there is none.
    """
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise FileNotFoundError(
            f"{folder} holds no file of poses such as 20130512130736.txt. Download the "
            "extrinsics of the sequence"
        )
    return files[-1]


def read_poses(path: Path, images: int) -> Poses:
    """(N, 4, 4) camera-to-world poses; not finite where the tracking was lost.

    Args:
        path: Three rows of four numbers per image.
        images: Number N of colour images.

    Raises:
        ValueError: If the file has another number of rows.
    """
    try:
        values = np.array(path.read_text().split(), np.float64)
    except ValueError as error:
        raise ValueError(f"poses {path} are no rows of numbers: {error}") from None
    if values.size != 12 * images:
        stride = ""
        if values.size == 16 * images:
            stride = ": these are 4 rows per image, as no released file has them"
        raise ValueError(
            f"poses {path} have {values.size / 4:g} rows of 4 numbers, expected 3 for "
            f"each of the {images} colour images = {3 * images}{stride}. Take images "
            "and extrinsics of one sequence as they were released"
        )
    poses = np.tile(np.eye(4), (images, 1, 1))
    poses[:, :3] = values.reshape(images, 3, 4)
    return poses


def check_continuity(
    poses: Poses, path: Path, frames_apart: float | None = None
) -> None:
    """Refuse poses that jump, as those read with a wrong stride do.

    Every block of three rows out of such a file is a rotation again, with its rows in
    another order: only the way from one frame to the next shows the mistake.

    Args:
        poses: (N, 4, 4) of consecutive images.
        path: Their file, for the message.
        frames_apart: Frames of a 30 Hz stream between two images at the median; None
            if it is not known.

    Raises:
        ValueError: If the median turn or step is impossible for a camera in a hand.
    """
    poses = poses[np.isfinite(poses).all(axis=(1, 2))]
    if len(poses) < 2:
        return
    turns = np.swapaxes(poses[:-1, :3, :3], 1, 2) @ poses[1:, :3, :3]
    cosine = (np.trace(turns, axis1=1, axis2=2) - 1) / 2
    angle = float(np.median(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))
    step = float(np.median(np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)))
    angle_limit, step_limit = TURNED_DEG, np.inf
    if frames_apart is not None:
        angle_limit = min(TURNED_DEG, MAX_ANGLE_DEG * frames_apart)
        step_limit = MAX_STEP * frames_apart
    if angle > angle_limit or step > step_limit:
        raise ValueError(
            f"poses {path} jump: at the median the camera turns by {angle:.1f} degrees "
            f"and moves by {step:.3g} m from one image to the next, expected at most "
            f"{angle_limit:.3g} degrees and {step_limit:.3g} m. Were they written or "
            "read with a wrong number of rows per frame? SUN3D has 3"
        )


MAX_APART_MS = 25.0


# Where colour, poses and intrinsics of a sequence are.
RELEASED = ("image", "extrinsics", "intrinsics.txt")
RENAMED = ("color", "pose", "intrinsic/intrinsics.txt")


@dataclass(frozen=True)
class Sun3dSource(FrameSource):
    """Folders with ``image depth extrinsics intrinsics.txt`` anywhere below ``root``.

    Frame numbers are positions in the sorted colour images. The renamed layout
    ``color depth pose intrinsic`` has lost its timestamps and is paired by position,
    with a warning.

    Attributes:
        root: Folder of the data.
        train_scenes: Patterns of sequences to train on.
        val_scenes: Patterns of sequences to validate on; all others are for testing.
        max_apart_ms: A colour image whose depth is farther away is left out.
    """

    root: Path
    train_scenes: tuple[str, ...] = ()
    val_scenes: tuple[str, ...] = ()
    max_apart_ms: float = MAX_APART_MS
    reader: str = "rotated"

    @property
    def options(self) -> dict[str, Any]:
        return {
            "--train-scenes": list(self.train_scenes),
            "--val-scenes": list(self.val_scenes),
            "--max-apart-ms": self.max_apart_ms,
        }

    @cached_property
    def folders(self) -> dict[str, Path]:
        """Folder of every sequence, by its path below ``root``."""
        found = {}
        for color, poses, _ in (RELEASED, RENAMED):
            for path in sorted(self.root.rglob(poses)):
                if (path.parent / color).is_dir():
                    found[sequence_name(self.root, path.parent)] = path.parent
        return found

    def splits(self) -> dict[str, list[str]]:
        chosen = {"train": self.train_scenes, "val": self.val_scenes}
        return split_scenes(sorted(self.folders), chosen, "test")

    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        folder = self.folders[sequence]
        released = (folder / RELEASED[0]).is_dir()
        color, extrinsics, intrinsics = RELEASED if released else RENAMED
        images, image_us = list_stream(folder / color)
        depths, depth_us = list_stream(folder / "depth")
        if not images or not depths:
            raise FileNotFoundError(
                f"{folder} has {len(images)} colour and {len(depths)} depth images, "
                "expected some of both. Download the sequence again"
            )
        poses_file = last_extrinsics(folder / extrinsics)
        poses = read_poses(poses_file, len(images))
        K = read_intrinsics(folder / intrinsics, read_size(images[0]))
        # Frames of a 30 Hz stream between two images; None where times are lost.
        step = None
        if image_us is not None and len(images) > 1:
            step = max(1.0, float(np.median(np.diff(image_us))) / FRAME_US)
        check_continuity(poses, poses_file, step)
        if image_us is None or depth_us is None:
            pairs = _paired_by_position(folder, images, depths)
            apart = np.zeros(len(images))
        else:
            pairs, apart_us = nearest_in_time(image_us, depth_us)
            apart = apart_us / 1000
            print_log(
                f"{sequence}: {len(images)} colour and {len(depths)} depth images, "
                f"paired by time: {np.median(apart):.1f} ms apart at the median, "
                f"{apart.max():.1f} ms at most",
                logger="current",
            )

        def frame(at: int) -> IndexedFrame:
            image, depth = images[at], depths[pairs[at]]
            if apart[at] > self.max_apart_ms:
                raise ValueError(
                    f"the depth image nearest to {image.name} in time is "
                    f"{apart[at]:.1f} ms away, allowed are {self.max_apart_ms:g} "
                    "(--max-apart-ms)"
                )
            check_rigid(poses[at], f"of image {at} ({image.name})")
            paths = self.relative(image), self.relative(depth)
            return IndexedFrame(at, *paths, K, invert_rigid(poses[at]))

        return [usable(at, partial(frame, at)) for at in range(len(images))]


def _paired_by_position(
    folder: Path, images: list[Path], depths: list[Path]
) -> NDArray[np.int64]:
    """Pairs of files that were renamed; wrong if that was done before pairing."""
    if len(images) != len(depths):
        raise ValueError(
            f"{folder} has {len(images)} colour and {len(depths)} depth images without "
            "timestamps in their names: pairing them by position would put images and "
            "depth of different moments together. Take the files as they were released "
            "(<number>-<microseconds>), or pair them by nearest timestamp before "
            "renaming"
        )
    print_log(
        f"{folder}: names have no timestamps, images and depth are paired by position. "
        "This is right only if they were paired by nearest timestamp when they were "
        "renamed",
        logger="current",
        level=logging.WARNING,
    )
    return np.arange(len(images))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_index_arguments(parser)
    add, text = parser.add_argument, "sequences, * is a wildcard; all others are test"
    add("--train-scenes", nargs="+", default=[], help=f"training {text}")
    add("--val-scenes", nargs="+", default=[], help=f"validation {text}")
    text = "largest distance in time between an image and its depth"
    add("--max-apart-ms", type=float, default=MAX_APART_MS, help=text)


def run(args: argparse.Namespace) -> None:
    """Index SUN3D as the command line says."""
    chosen = tuple(args.train_scenes), tuple(args.val_scenes)
    source = Sun3dSource(args.root_path, *chosen, args.max_apart_ms)
    build_index(source, index_options(args, "sun3d"))
