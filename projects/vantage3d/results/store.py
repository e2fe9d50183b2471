"""Frames of a scene on disk, one ``.npz`` each, read when they are asked for.

A file has the arrays of :class:`FramePrediction` by their names, what is None left
out, and the fields of :class:`Instances` beside them. ``key`` is a hash of what the
frame was made of: a finished frame of the same key is not made again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.arrays import load_arrays
from vantage3d.io.atomic import atomic_write
from vantage3d.io.folders import natural_order
from vantage3d.io.run_facts import note_run
from vantage3d.results.prediction import FramePrediction, Instances

WHAT, REMEDY = "predicted frame", "Delete it and call the same command again"
OF_FRAME = tuple(f.name for f in fields(FramePrediction) if f.name != "instances")
OF_INSTANCES = tuple(f.name for f in fields(Instances))
NAMES = ("classes", "semantic_classes")
SCALARS = {"name": str, "timestamp": float, "metric": bool}


def write_frame(path: str | Path, frame: FramePrediction, key: str = "") -> None:
    """Write a frame, whole or not at all.

    Args:
        path: The ``.npz`` file.
        frame: The frame.
        key: Hash of what it was made of.
    """
    given: dict[str, Any] = {name: getattr(frame, name) for name in OF_FRAME}
    if (found := frame.instances) is not None:
        given |= {name: getattr(found, name) for name in OF_INSTANCES}
        given |= {name: np.array(given[name], np.str_) for name in NAMES}
    arrays: dict[str, Any] = {
        name: np.asarray(v) for name, v in given.items() if v is not None
    }
    arrays["key"] = np.array(key)
    atomic_write(path, partial(np.savez_compressed, **arrays))


def read_frame(path: str | Path) -> FramePrediction:
    """A frame that was written, or that another program wrote with the same names.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged, or breaks the contract.
    """
    return frame_of(load_arrays(path, WHAT, REMEDY))


def frame_of(arrays: dict[str, NDArray]) -> FramePrediction:
    """The frame of the arrays of a file."""
    values: dict[str, Any] = {n: arrays[n] for n in OF_FRAME if n in arrays}
    values |= {n: kind(values[n]) for n, kind in SCALARS.items() if n in values}
    instances = None
    if "masks" in arrays:
        own: dict[str, Any] = {n: arrays[n] for n in OF_INSTANCES if n in arrays}
        own |= {n: tuple(map(str, own[n])) for n in NAMES if n in own}
        instances = Instances(**own)
    return FramePrediction(**values, instances=instances)


class StoredFrames(Sequence[FramePrediction]):
    """Frames in files, in natural order of their names or in a given one.

    Args:
        folder: Of the ``.npz`` files.
        names: Of the frames, in order; all of the folder if not given.
        made_by: What makes the frames that are written, for ``run.json`` beside the
            folder.
    """

    def __init__(
        self,
        folder: str | Path,
        names: Sequence[str] | None = None,
        made_by: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self._made_by = Path(folder), made_by
        if names is None:
            stems = (path.stem for path in self.folder.glob("*.npz"))
            names = sorted(stems, key=natural_order)
        self.names = tuple(names)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, place: int) -> FramePrediction: ...
    @overload
    def __getitem__(self, place: slice) -> "StoredFrames": ...
    def __getitem__(self, place: int | slice) -> "FramePrediction | StoredFrames":
        if isinstance(place, slice):
            return StoredFrames(self.folder, self.names[place])
        return read_frame(self.path(self.names[place]))

    def path(self, name: str) -> Path:
        """File of a frame."""
        return self.folder / f"{name}.npz"

    def finished(self, name: str, key: str) -> FramePrediction | None:
        """The frame, if it was made of what ``key`` says and is whole."""
        path = self.path(name)
        if not path.is_file():
            return None
        try:
            arrays = load_arrays(path, WHAT, REMEDY)
            return frame_of(arrays) if str(arrays.get("key")) == key else None
        except (ValueError, TypeError):  # damaged: it is made again
            return None

    def write(self, frame: FramePrediction, key: str) -> None:
        """Write a frame; what was there under its name goes."""
        if self._made_by is not None:  # once, before the first frame
            note_run(self.folder.parent, self._made_by)
            self._made_by = None
        write_frame(self.path(frame.name), frame, key)
