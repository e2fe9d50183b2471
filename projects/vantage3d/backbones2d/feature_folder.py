"""A folder of feature files: who made it, what is done, and what is still to write."""

import json
import shutil
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from vantage3d.backbones2d.frames import ImageFrame
from vantage3d.io.atomic import atomic_write_bytes, remove_temporaries
from vantage3d.io.features import FORMS, FeatureSource, write_features
from vantage3d.io.manifest import differences

MANIFEST = "extraction.json"
FOLDER = "clip_feat"
THREADS = 4
_HEADER_BYTES = 2048  # of a file, beside the values


@dataclass(frozen=True)
class FeatureFolder:
    """``<root>/<scene>/<frame>.<form>`` beside a manifest.

    Attributes:
        root: The folder, usually ``<data root>/clip_feat``.
        form: ``pt`` or ``safetensors``.
    """

    root: Path
    form: str

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
