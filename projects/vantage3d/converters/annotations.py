"""``tools/create_data.py annotations``: an index of data with ``.jgz`` annotations.

The schema is that of released VGGT, a gzipped JSON object: the name of a sequence to
the list of its frames, each with ``filepath``, ``extri`` (3 x 4, world to camera,
OpenCV axes), ``intri`` (3 x 3, pixels) and, where depth does not follow from the
image's name, ``depthpath``; Hypersim adds ``meters_per_asset``.
"""

import argparse
import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.index.build import build_index
from vantage3d.converters.index.source import FrameSource, Unusable
from vantage3d.converters.runs import add_index_arguments, index_options
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.bounds import gunzip
from vantage3d.io.files import DAMAGED, decoding, existing
from vantage3d.io.text import parse_json
from vantage3d.views.index import IndexedFrame

MATRICES = {"extri": (3, 4), "intri": (3, 3)}


class AnnotatedFrame(NamedTuple):
    """One entry of a sequence.

    Attributes:
        image: Path of the image relative to the data.
        world2cam: (4, 4), as the schema says; nothing here can tell whether it is.
        K: (3, 3) in pixels of the image.
        depth: Path of the depth map; empty where it follows from ``image``.
        scale: Metres per unit of the depth map (``meters_per_asset``), usually 1.
    """

    image: str
    world2cam: NDArray[np.float64]
    K: NDArray[np.float64]
    depth: str = ""
    scale: float = 1.0


Annotations = dict[str, list[dict[str, Any]]]


def read_annotations(path: str | Path) -> Annotations:
    """Sequences and their entries, unchecked but for the outer structure.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is no whole gzip file, no JSON or no object of lists.
    """
    path = existing(path, "annotation file", "Download it again")
    name = f"annotation file {path} ({path.stat().st_size} bytes)"
    with decoding(name, "no gzipped JSON", "Download it again"):
        content = parse_json(gunzip(path))
    lists = isinstance(content, dict) and all(
        isinstance(entries, list) for entries in content.values()
    )
    if not lists:
        raise ValueError(
            f"annotation file {path} must map sequence names to lists of frames, got "
            f"{type(content).__name__}. Write it as docs/data_formats.md says"
        )
    return content


def parse_frames(sequence: str, entries: list[dict]) -> Iterator[AnnotatedFrame]:
    """The entries of a sequence as matrices.

    Raises:
        ValueError: If an entry lacks a key or a matrix has another shape.
    """
    for number, entry in enumerate(entries):
        where = f"frame {number} of sequence {sequence!r}"
        try:
            matrices = {key: _matrix(entry, key) for key in MATRICES}
            image = str(entry["filepath"])
            scale = float(entry.get("meters_per_asset", 1.0))
        except DAMAGED as error:
            raise ValueError(
                f"{where} is annotated wrongly ({error!r}), expected `filepath`, "
                "`extri` 3x4 and `intri` 3x3. Write it as docs/data_formats.md says"
            ) from error
        world2cam = np.eye(4)
        world2cam[:3] = matrices["extri"]
        depth = str(entry.get("depthpath", ""))
        yield AnnotatedFrame(image, world2cam, matrices["intri"], depth, scale)


def write_annotations(
    path: str | Path, sequences: dict[str, list[AnnotatedFrame]]
) -> None:
    """Write a ``.jgz``; equal input, equal bytes."""
    content = {name: [_entry(f) for f in frames] for name, frames in sequences.items()}
    text = json.dumps(content, separators=(",", ":"))
    atomic_write_bytes(path, gzip.compress(text.encode(), mtime=0))


def _matrix(entry: dict[str, Any], key: str) -> NDArray[np.float64]:
    matrix = np.array(entry[key], np.float64)
    if matrix.shape == (4, 4) and key == "extri":
        matrix = matrix[:3]
    if matrix.shape != MATRICES[key]:
        raise ValueError(f"`{key}` has shape {matrix.shape}, expected {MATRICES[key]}")
    return matrix


def _entry(frame: AnnotatedFrame) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "filepath": frame.image,
        "extri": frame.world2cam[:3].tolist(),
        "intri": frame.K.tolist(),
    }
    if frame.depth:
        entry["depthpath"] = frame.depth
    if frame.scale != 1:
        entry["meters_per_asset"] = frame.scale
    return entry


# The held-out file is called test by those who released annotations, val by others.
FILES = {"train": ("train",), "val": ("val", "test")}
DEPTHS = {
    "integer": "8 or 16-bit images, --depth-scale units per metre",
    "npy": "(H, W) arrays",
    "distance": "Hypersim's HDF5 of metres along the rays",
}


@dataclass(frozen=True)
class AnnotationSource(FrameSource):
    """Sequences of annotation files, which ``files`` has by split."""

    root: Path
    files: dict[str, tuple[Path, ...]]
    reader: str = "integer"
    depth_scale: float = 1.0
    title = "annotations, `extri`"
    poses = "world2cam"
    remedies = ("--depth-scale",)

    @property
    def options(self) -> dict[str, Any]:
        hashes = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for paths in self.files.values()
            for path in paths
        }
        depth = {"--depth": self.reader, "--depth-scale": self.depth_scale}
        return {**depth, "annotations": hashes}

    def splits(self) -> dict[str, list[str]]:
        return {
            split: [self.name(path, n) for path in paths for n in _annotations(path)]
            for split, paths in self.files.items()
        }

    def name(self, path: Path, name: str) -> str:
        """Name in the index of a sequence of an annotation file."""
        return name

    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        for path in self.candidates(sequence):
            for name, entries in _annotations(path).items():
                if self.name(path, name) == sequence:
                    frames = enumerate(parse_frames(sequence, entries))
                    return [self.frame(number, frame) for number, frame in frames]
        raise ValueError(f"no annotation file has the sequence {sequence!r}")

    def candidates(self, sequence: str) -> list[Path]:
        """Annotation files that may have a sequence."""
        return [path for paths in self.files.values() for path in paths]

    def frame(self, number: int, frame: AnnotatedFrame) -> IndexedFrame:
        """An annotated frame in the project's conventions: metres, no skew.

        Hypersim's poses are in asset units and its pixel centres at halves.

        Raises:
            ValueError: If its depth map is not named.
        """
        if not frame.depth:
            raise ValueError(
                f"frame {number} ({frame.image}) has no `depthpath`. Add it to the "
                "annotation file"
            )
        K, world2cam = frame.K.copy(), frame.world2cam.copy()
        world2cam[:3, 3] *= frame.scale
        K[0, 1] = 0
        if self.reader == "distance":
            K[:2, 2] -= 0.5
        return IndexedFrame(number, frame.image, frame.depth, K, world2cam)


def _annotations(path: Path) -> Annotations:
    """A file that several sequences of a worker come from, read once."""
    state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=2)
def _read(path: Path, modified_ns: int, size: int) -> Annotations:
    return read_annotations(path)


def annotation_files(
    args: argparse.Namespace, prefixes: Sequence[str]
) -> dict[str, tuple[Path, ...]]:
    """Annotation files of every split.

    Args:
        args: The command line with ``--annotations``.
        prefixes: Starts of their names, before the split; those without files are left
            out.

    Raises:
        FileNotFoundError: If there is none.
    """
    folder = args.annotations or args.root_path / "annotations"
    found: dict[str, list[Path]] = {split: [] for split in FILES}
    for split, endings in FILES.items():
        for prefix in prefixes:
            paths = [folder / f"{prefix}{ending}.jgz" for ending in endings]
            found[split] += [path for path in paths if path.is_file()][:1]
    if not any(found.values()):
        examples = ", ".join(f"{prefixes[0]}{e}.jgz" for e in ("train", "val", "test"))
        raise FileNotFoundError(
            f"{folder} has no annotation file such as {examples}. Download them, or "
            "say where they are with --annotations"
        )
    return {split: tuple(paths) for split, paths in found.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the ``annotations`` subcommand."""
    add_index_arguments(parser)
    add_annotation_folder(parser)
    add = parser.add_argument
    text = "; ".join(f"{name}: {what}" for name, what in DEPTHS.items())
    add("--depth", choices=list(DEPTHS), default="integer", help=text)
    text = "units of a depth map per metre; 1000 for integer and else 1 by default"
    add("--depth-scale", type=float, help=text)


def run(args: argparse.Namespace) -> None:
    """Index data with annotation files as the command line says."""
    options = index_options(args, "annotations")
    scale = args.depth_scale
    if scale is None:
        scale = 1000.0 if args.depth == "integer" else 1.0
    if not scale > 0:
        raise ValueError(f"--depth-scale must be above 0, got {scale}")
    files = annotation_files(args, [""])
    build_index(AnnotationSource(args.root_path, files, args.depth, scale), options)


def add_annotation_folder(parser: argparse.ArgumentParser) -> None:
    """``--annotations``."""
    text = "folder of the .jgz files, ROOT_PATH/annotations by default"
    parser.add_argument("--annotations", type=Path, help=text)
