"""Annotation files ``.jgz`` of multi-view data, the schema of released VGGT.

A gzipped JSON object: the name of a sequence to the list of its frames, each with
``filepath``, ``extri`` (3 x 4, world to camera, OpenCV axes), ``intri`` (3 x 3, pixels)
and, where depth does not follow from the image's name, ``depthpath``; Hypersim adds
``meters_per_asset``.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.atomic import atomic_write_bytes

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
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"annotation file {path} is missing. Download it again")
    try:
        content = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise ValueError(
            f"annotation file {path} ({path.stat().st_size} bytes) is truncated or no "
            f"gzipped JSON ({error}). Download it again"
        ) from error
    lists = isinstance(content, dict) and all(
        isinstance(entries, list) for entries in content.values()
    )
    if not lists:
        raise ValueError(
            f"annotation file {path} must map sequence names to lists of frames, got "
            f"{type(content).__name__}. Write it as data/README.md says"
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
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{where} is annotated wrongly ({error!r}), expected `filepath`, "
                "`extri` 3x4 and `intri` 3x3. Write it as data/README.md says"
            ) from error
        world2cam = np.eye(4)
        world2cam[:3] = matrices["extri"]
        depth = str(entry.get("depthpath", ""))
        scale = float(entry.get("meters_per_asset", 1.0))
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
