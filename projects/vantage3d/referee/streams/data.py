"""Predicted and true ids of a stream, a frame at a time, and their files."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vantage3d.io.arrays import load_arrays
from vantage3d.io.bounds import MASKS
from vantage3d.io.folders import folders_in, listing
from vantage3d.io.images import read_ids
from vantage3d.io.prediction_files import FRAMES
from vantage3d.referee.instances.frames import INSTANCE
from vantage3d.referee.instances.predictions import REMEDY, as_bool, names_of
from vantage3d.referee.task import Reader

ALONE = "stream"  # name of the one whose folder was given itself
Frame = TypeVar("Frame")
Ids = NDArray[np.int64]


class ShownIds(NamedTuple):
    """Predicted instances of a frame: (P, h, w) masks, (P,) ids of the stream."""

    masks: NDArray[np.bool_]
    ids: Ids


class Stream(Mapping[str, Frame], Generic[Frame]):
    """Frames by name in order of time, read when they are asked for.

    Args:
        read: Reads a frame.
        paths: Of the frames.
    """

    def __init__(self, read: Callable[[Path], Frame], paths: Mapping[str, Path]):
        self._read, self._paths = read, paths

    def __getitem__(self, name: str) -> Frame:
        return self._read(self._paths[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


class _Folders(Reader[Mapping[str, Frame]]):
    """A folder of frames per stream, or one that is given itself; names are in order.

    Attributes:
        inner: Folder in that of a stream in which the frames lie.
        suffix: Of their files.
    """

    inner: str
    suffix: str

    def find(self, root: Path) -> dict[str, Path]:
        if self._frames(root):
            return {ALONE: root}
        return {one.name: one for one in sorted(folders_in(root)) if self._frames(one)}

    def read(self, path: Path) -> Mapping[str, Frame]:
        return Stream(self.frame, self._frames(path))

    def files(self, path: Path) -> list[Path]:
        return list(self._frames(path).values())

    def _frames(self, folder: Path) -> dict[str, Path]:
        """Frames of a stream; none of another format. The first file tells for all."""
        paths = [p for p in listing(folder / self.inner) if p.suffix == self.suffix]
        own = paths and self.is_own(paths[0])
        return {path.stem: path for path in paths} if own else {}

    def is_own(self, path: Path) -> bool:
        """Whether a file is of this format."""
        return True

    def frame(self, path: Path) -> Frame:
        """The frame of a file."""
        raise NotImplementedError

    def place(self, root: Path, stream: str) -> Path:
        """Folder that frames of a stream are written into."""
        folder = root / stream / self.inner
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class OwnIds(_Folders[ShownIds]):
    """The simplest for one's own tracker."""

    name = "npz"
    says = "STREAM/FRAME.npz with `masks` (P, h, w) or (P, N), `ids` (P,)"
    inner, suffix = "", ".npz"
    ids = "ids"

    def is_own(self, path: Path) -> bool:
        return {"masks", self.ids} <= names_of(path)

    def frame(self, path: Path) -> ShownIds:
        names = names_of(path) & {"masks", self.ids}
        arrays = load_arrays(path, "ids of a frame", REMEDY, names, MASKS)
        if len(arrays) < 2 or len(arrays["masks"]) != len(arrays[self.ids]):
            shapes = {name: array.shape for name, array in arrays.items()}
            raise ValueError(
                f"{path} must have `masks` and as many `{self.ids}`, it has {shapes}. "
                f"{REMEDY}"
            )
        masks, ids = as_bool(arrays["masks"], path), arrays[self.ids]
        if ids.dtype.kind not in "iu":
            raise ValueError(f"{path}: `{self.ids}` must be integers, got {ids.dtype}")
        return ShownIds(masks, ids.astype(np.int64))

    def write(self, root: Path, name: str, data: Mapping[str, ShownIds]) -> None:
        folder = self.place(root, name)
        for frame, shown in data.items():
            arrays = {"masks": shown.masks, self.ids: shown.ids}
            np.savez_compressed(folder / f"{frame}.npz", **arrays)


class StreamFiles(OwnIds):
    """What ``vantage3d run-stream`` writes."""

    name = "run-stream"
    says = "STREAM/frames/FRAME.npz of `vantage3d run-stream`"
    inner, ids = FRAMES, "tracks"


class TrueImages(_Folders[Ids]):
    """Images of ids that are the same in all frames, as recordings have them."""

    name = "images"
    says = "STREAM/instance/FRAME.png of ids that stay, 0 none"
    inner, suffix = INSTANCE, ".png"

    def frame(self, path: Path) -> Ids:
        return read_ids(path) - 1

    def write(self, root: Path, name: str, data: Mapping[str, Ids]) -> None:
        folder = self.place(root, name)
        for frame, ids in data.items():
            image = Image.fromarray((ids + 1).astype(np.uint16))
            image.save(folder / f"{frame}.png")


class TrueNpz(_Folders[Ids]):
    """The same as arrays."""

    name = "npz"
    says = "STREAM/FRAME.npz with `instances` (h, w) or (N,) ids that stay, -1 none"
    inner, suffix = "", ".npz"

    def is_own(self, path: Path) -> bool:
        return "instances" in names_of(path)

    def frame(self, path: Path) -> Ids:
        ids = load_arrays(path, "true ids", REMEDY, ["instances"])["instances"]
        if ids.dtype.kind not in "iu":
            raise ValueError(f"{path}: `instances` must be integers, got {ids.dtype}")
        return ids.astype(np.int64)

    def write(self, root: Path, name: str, data: Mapping[str, Ids]) -> None:
        folder = self.place(root, name)
        for frame, ids in data.items():
            np.savez_compressed(folder / f"{frame}.npz", instances=ids)
