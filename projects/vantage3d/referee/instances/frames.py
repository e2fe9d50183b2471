"""Instances on pixels: what ``predict`` writes, and images of true ids."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from vantage3d.io.arrays import load_arrays
from vantage3d.io.folders import folders_in, listing
from vantage3d.io.images import read_ids
from vantage3d.io.names import public_name
from vantage3d.io.prediction_files import FRAMES
from vantage3d.referee.instances.data import PredictedInstances, TrueInstances
from vantage3d.referee.instances.predictions import (
    REMEDY,
    ids_of_names,
    ids_or_first,
    names_of,
    names_of_ids,
)
from vantage3d.referee.task import Reader

INSTANCE, SEMANTIC = "instance", "semantic"
ARRAYS = ("masks", "scores", "labels", "classes", "superpoints")


class PredictedFrames(Reader[PredictedInstances]):
    """What ``vantage3d predict`` and ``run-stream`` write: a ``.npz`` per frame."""

    name = "predict"
    says = "frames/FRAME.npz of `vantage3d predict`, or SEQUENCE/frames/FRAME.npz"

    def find(self, root: Path) -> dict[str, Path]:
        return by_frame(root, FRAMES, self._is_frame)

    @staticmethod
    def _is_frame(path: Path) -> bool:
        return path.suffix == ".npz" and {"color", "K"} <= names_of(path)

    def read(self, path: Path) -> PredictedInstances:
        known = [name for name in ARRAYS if name in names_of(path)]
        arrays = load_arrays(path, "predicted frame", REMEDY, known)
        if "masks" not in arrays:
            raise ValueError(
                f"{path} has no instances. Segment it, or judge another folder"
            )
        masks, classes = arrays["masks"], None
        if not self.rules.class_agnostic:
            names = arrays["classes"][arrays["labels"]]
            classes = ids_of_names(names, self.rules.classes, path)
        parts = arrays.get("superpoints")
        return PredictedInstances(
            masks.reshape(len(masks), -1),
            arrays["scores"].astype(np.float64),
            classes,
            size=masks.shape[1:],
            segments=None if parts is None else parts.ravel(),
        )

    def write(self, root: Path, name: str, data: PredictedInstances) -> None:
        height, width = data.size or (1, data.masks.shape[1])
        table = self.rules.classes
        folder = root / FRAMES
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            folder / f"{name}.npz",
            color=np.zeros((height, width, 3), np.uint8),
            K=np.eye(3),
            masks=data.masks.reshape(-1, height, width),
            scores=data.scores,
            labels=np.arange(len(data.scores)),
            classes=names_of_ids(ids_or_first(data, table), table),
        )


class ImageTruth(Reader[TrueInstances]):
    """Images of ids, as recordings have them and ``predict --labels`` reads them."""

    name = "images"
    says = (
        "instance/FRAME.png of ids, 0 none, and if known semantic/FRAME.png of class "
        "ids, or SEQUENCE/instance/FRAME.png"
    )

    def find(self, root: Path) -> dict[str, Path]:
        return by_frame(root, INSTANCE, lambda path: path.suffix == ".png")

    def files(self, path: Path) -> list[Path]:
        classes = path.parents[1] / SEMANTIC / path.name
        return [path, classes] if classes.is_file() else [path]

    def read(self, path: Path) -> TrueInstances:
        images = [read_ids(one) for one in self.files(path)]
        if len({image.shape for image in images}) > 1:
            raise ValueError(
                f"{path} and {self.files(path)[1]} have the shapes "
                f"{[image.shape for image in images]}. Both must show the same pixels"
            )
        ids, *classes = [image.ravel() for image in images]
        return TrueInstances(
            ids - 1, classes[0] if classes else None, size=images[0].shape
        )

    def write(self, root: Path, name: str, data: TrueInstances) -> None:
        shape = data.size or (1, len(data.instances))
        images = {INSTANCE: data.instances + 1, SEMANTIC: data.classes}
        for kind, ids in images.items():
            if ids is not None:
                (root / kind).mkdir(parents=True, exist_ok=True)
                image = Image.fromarray(ids.astype(np.uint16).reshape(shape))
                image.save(root / kind / f"{name}.png")


def by_frame(root: Path, kind: str, fits: Callable[[Path], bool]) -> dict[str, Path]:
    """Files in a folder ``kind`` of a recording, or of several in one folder.

    Frames of several recordings are called ``SEQUENCE_FRAME``, as samples are. One file
    of a folder tells for all.
    """
    found: dict[str, Path] = {}
    folders = [root] if (root / kind).is_dir() else folders_in(root)
    for folder in sorted(folders):
        paths = [path for path in listing(folder / kind) if path.is_file()]
        prefix = "" if folder == root else f"{public_name(folder.name)}_"
        if paths and fits(paths[0]):
            found |= {
                f"{prefix}{path.stem}": path
                for path in paths
                if path.suffix == paths[0].suffix
            }
    return found
