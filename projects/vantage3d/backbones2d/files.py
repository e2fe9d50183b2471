"""Files of an extraction: colour images in, feature files out, a share per process."""

import json
import logging
import shutil
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch import Tensor

from vantage3d.io.atomic import atomic_write_bytes, remove_temporaries
from vantage3d.io.features import FORMS, FeatureSource, write_features
from vantage3d.io.manifest import differences
from vantage3d.io.names import check_unique, public_name
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.files import folders_with, named
from vantage3d.recordings.recording import RecordedFrame, Recording, Unusable

MANIFEST = "extraction.json"
FOLDER = "clip_feat"
THREADS = 4
_HEADER_BYTES = 2048  # of a file, beside the values
SUFFIXES = (".jpg", ".jpeg", ".png")
SCANNET_INTERVAL = 200  # single view; 40 for sequences


@dataclass(frozen=True)
class ImageFrame:
    """A colour image: the public names of its scene and frame, and where it lies."""

    scene: str
    frame: str
    path: Path

    @property
    def idx(self) -> str:
        """``<scene>_<frame>``."""
        return f"{self.scene}_{self.frame}"


def find_images(
    root: Path, frame_interval: int | None = None, scenes: Sequence[str] = ()
) -> list[ImageFrame]:
    """Colour images, by scene and in numeric order.

    Args:
        root: A ScanNet export with ``2D/<scene>/color/<n>.jpg``, an RGB-D folder with
            ``<scene>/color/<frame>.*`` or one scene's ``color`` folder, or a recording
            of another layout.
        frame_interval: As tools/create_data.py takes it: of a ScanNet export the frames
            whose number is a multiple (200 by default), of anything else every so
            many-th frame (1 by default).
        scenes: Only these, all when empty.

    Raises:
        FileNotFoundError: If ``root`` or a named scene is missing.
        ValueError: If there is not one image, two have one public id, or the interval
            is below 1.
    """
    if frame_interval is not None and frame_interval < 1:
        raise ValueError(f"--frame-interval must be at least 1, got {frame_interval}")
    if not root.exists():
        raise FileNotFoundError(
            f"--root-path {root} is missing. data/README.md says what to download and "
            "where to put it"
        )
    is_scannet = (root / "2D").is_dir()
    parent = root / "2D" if is_scannet else root
    folders = folders_with(parent, "color")
    recording = None if folders else open_recording(root)
    known = [*folders] if recording is None else recording.sequences()
    if missing := sorted(set(scenes) - {*known}):
        raise FileNotFoundError(
            f"{parent} has no {missing[0]}{'/color' if folders else ''} "
            f"({len(missing)} of {len(scenes)} named scenes are missing). It has "
            f"{', '.join(known[:8]) or 'no scenes'}"
        )
    images: list[ImageFrame] = []
    for scene in scenes or known:
        if recording is None:
            paths = named(folders[scene] / "color", SUFFIXES)
        else:
            paths = _recorded(recording, scene)
        found = [
            ImageFrame(public_name(scene), public_name(name), path)
            for name, path in paths.items()
        ]
        if is_scannet:
            step = frame_interval or SCANNET_INTERVAL
            found = [i for i in found if i.frame.isdigit() and not int(i.frame) % step]
        images += found if is_scannet else found[:: frame_interval or 1]
    check_unique((image.idx, str(image.path)) for image in images)
    if not images:
        raise ValueError(
            f"no frames found in {root}: 0 images in {len(known)} scenes with "
            f"--frame-interval {frame_interval}. Expected 2D/<scene>/color/<n>.jpg or "
            "<scene>/color/<frame>.{jpg,jpeg,png}, see data/README.md"
        )
    return images


def _recorded(recording: Recording, sequence: str) -> dict[str, Path]:
    """Colour images of a sequence by the names of its frames, without bad frames.

    Raises:
        ValueError: If they are no image files as their cameras have them.
    """
    frames = recording.frames(sequence)
    usable = [f for f in frames if isinstance(f, RecordedFrame)]
    if reason := next(filter(None, (f.made_on_reading for f in usable)), ""):
        raise ValueError(
            f"{recording.root} has no files for features of {sequence}: of its frames, "
            f"{reason}. Write image files first: create_data.py plain"
        )
    good = {f.name: f.color for f in usable}
    if len(good) < len(frames):
        bad = next(f for f in frames if isinstance(f, Unusable))
        print_log(
            f"{len(frames) - len(good)} frames of {sequence} are left out, first "
            f"{bad.name}: {bad.reason}",
            logger="current",
            level=logging.WARNING,
        )
    return good


@dataclass(frozen=True)
class FeatureFolder:
    """``<root>/<scene>/<frame>.<form>`` beside a manifest."""

    root: Path  # usually ``<data root>/clip_feat``
    form: str  # ``pt`` or ``safetensors``

    def path(self, frame: ImageFrame) -> Path:
        """The file of a frame."""
        return self.root / frame.scene / f"{frame.frame}.{self.form}"

    def open(self, made_by: dict[str, Any], overwrite: bool = False) -> None:
        """Compare ``made_by`` with what the folder was made by, or store it.

        Args:
            made_by: What decides the values of a file, beside its image.
            overwrite: Delete all files if they were made by something else.

        Raises:
            ValueError: If they were and ``overwrite`` is off.
        """
        made_by = json.loads(json.dumps({**made_by, "form": self.form}))
        path = self.root / MANIFEST
        files = [f for form in FORMS for f in self.root.glob(f"*/*.{form}")]
        changed = f"there is no {MANIFEST} to say how" if files else ""
        if path.is_file():
            changed = differences(json.loads(path.read_bytes()), made_by)
        if changed and files and not overwrite:
            raise ValueError(
                f"{self.root} holds features made otherwise: {changed}. Use the same "
                "options, another --out-dir or --folder, or --overwrite"
            )
        if changed:
            for file in files:
                file.unlink()
        if changed or not path.is_file():
            atomic_write_bytes(path, json.dumps(made_by, indent=1).encode())

    def remove_leftovers(self) -> None:
        """Delete what killed processes left half-written; nobody else may write."""
        for folder in (self.root, *self.root.glob("*/")):
            remove_temporaries(folder)

    def unfinished(self, frames: Iterable[ImageFrame]) -> list[ImageFrame]:
        """Frames without a file; a file that exists is whole."""
        return [frame for frame in frames if not self.path(frame).is_file()]


def file_bytes(source: FeatureSource) -> int:
    """Size of a feature file, about."""
    channels, height, width = source.shape
    return 2 * channels * height * width + _HEADER_BYTES


def check_space(folder: Path, needed: int) -> int:
    """Free bytes where ``folder`` is or will be.

    Raises:
        ValueError: If ``needed`` bytes do not fit.
    """
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise ValueError(
            f"the features need {gigabytes(needed)} and {existing} has "
            f"{gigabytes(free)} free. Free some space, choose another --out-dir, a "
            "smaller --input-size, fewer --layers or a larger --frame-interval"
        )
    return free


def gigabytes(size: int) -> str:
    """``3.25 GB``."""
    return f"{size / 1e9:.2f} GB"


class FeatureWriter:
    """Writes feature files in threads, so that the network does not wait for the disk.

    Used as a context: leaving it waits until everything is on disk. An error in a
    thread is raised by a later ``submit`` or on leaving.
    """

    def __init__(self, folder: FeatureFolder, limit: int) -> None:
        self._folder = folder
        self._limit = limit  # feature maps in memory
        self._pool = ThreadPoolExecutor(THREADS)
        self._pending: deque[Future] = deque()

    def submit(self, frame: ImageFrame, feats: Tensor, source: FeatureSource) -> None:
        """Let (C, h, w) features be written; waits while too many are pending."""
        while len(self._pending) >= self._limit:
            self._pending.popleft().result()
        path = self._folder.path(frame)
        future = self._pool.submit(write_features, path, feats, source, frame.idx)
        self._pending.append(future)

    def __enter__(self) -> "FeatureWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            for future in self._pending:
                future.result()
