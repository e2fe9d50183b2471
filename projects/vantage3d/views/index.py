"""The cache that index converters write and datasets read: every usable frame.

One ``<split>.npz`` per split: names, paths and camera matrices as arrays, so that two
million frames load in seconds and are shared by the workers of a loader.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.arrays import load_arrays
from vantage3d.io.atomic import atomic_write
from vantage3d.io.files import decoding

FORMAT = 2  # Raised when the arrays or the meaning of the facts change.
ARRAYS = ("sequences", "lengths", "numbers", "images", "depths", "K", "world2cam")
OPTIONAL = ("semantics", "K_color", "depth2color")
TEST_SCENES = range(707, 807)  # scene0707_00 .. scene0806_00 of ScanNet


class IndexedFrame(NamedTuple):
    """One frame as the index has it.

    Attributes:
        number: Number of the frame in its sequence; strictly increasing.
        image: Path of the image, relative to the root of the data.
        depth: Path of the depth map, relative to the root of the data.
        K: (3, 3) float64 intrinsics in pixels of the frame that is read, centres at
            integers.
        world2cam: (4, 4) float64, OpenCV axes, metres.
        semantics: Path of the label image; empty where there is none.
        K_color: (3, 3) intrinsics in pixels of the image, where its camera is not that
            of the depth map; colour is then brought to the pixels of depth, and
            everything else here is of the depth camera. None where both show one view.
        depth2color: (4, 4) from the depth to the colour camera, where they stand in
            two places.
    """

    number: int
    image: str
    depth: str
    K: NDArray[np.float64]
    world2cam: NDArray[np.float64]
    semantics: str = ""
    K_color: NDArray[np.float64] | None = None
    depth2color: NDArray[np.float64] | None = None


class Facts(NamedTuple):
    """What holds for all frames of an index.

    Attributes:
        reader: How depth is stored, a name in :mod:`vantage3d.views.reading`.
        root: Folder that paths are relative to, itself relative to the index.
        depth_scale: Units of a depth map per metre.
        missing: Stored value that means "no depth", beside 0 and 65535.
        registered: Whether colour is brought to the pixels of depth.
        extra_roots: Further folders, relative to the root, in which files may lie.
        sources: What the index depends on: options and hashes, as its converter says.
    """

    reader: str
    root: str
    depth_scale: float = 1.0
    sources: str = ""
    missing: int | None = None
    registered: bool = False
    extra_roots: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """All frames of a split, sequence by sequence.

    Attributes:
        facts: What holds for all of them.
        sequences: Names.
        lengths: (S,) frames of each.
        numbers: (F,) of the frames; strictly increasing within a sequence.
        images: (F,) utf-8 paths, as in :class:`IndexedFrame`.
        depths: (F,) utf-8 paths.
        K: (F, 3, 3) intrinsics.
        world2cam: (F, 4, 4) rigid transforms.
        semantics: (F,) utf-8 paths; None where no frame has labels.
        K_color: (F, 3, 3), NaN where a frame has one camera; None where all have.
        depth2color: (F, 4, 4), NaN where both cameras of a frame stand in one place;
            None where all do.
        columns: (F,) arrays of what else a converter measured, by name: ``building``,
            the share of buildings in the view, NaN where nobody knows.
    """

    facts: Facts
    sequences: tuple[str, ...]
    lengths: NDArray[np.int64]
    numbers: NDArray[np.int64]
    images: NDArray[np.bytes_]
    depths: NDArray[np.bytes_]
    K: NDArray[np.float64]
    world2cam: NDArray[np.float64]
    semantics: NDArray[np.bytes_] | None = None
    K_color: NDArray[np.float64] | None = None
    depth2color: NDArray[np.float64] | None = None
    columns: Mapping[str, NDArray] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        facts: Facts,
        frames: Mapping[str, Sequence[IndexedFrame]],
        columns: Mapping[str, NDArray] | None = None,
    ) -> "FrameIndex":
        """An index of sequences and their frames."""
        flat = [frame for sequence in frames.values() for frame in sequence]
        labels = np.array([frame.semantics.encode() for frame in flat], np.bytes_)
        return cls(
            facts,
            tuple(frames),
            np.array([len(sequence) for sequence in frames.values()], np.int64),
            np.array([frame.number for frame in flat], np.int64),
            np.array([frame.image.encode() for frame in flat], np.bytes_),
            np.array([frame.depth.encode() for frame in flat], np.bytes_),
            np.array([frame.K for frame in flat], np.float64).reshape(-1, 3, 3),
            np.array([frame.world2cam for frame in flat], np.float64).reshape(-1, 4, 4),
            labels if any(labels) else None,
            _stacked([frame.K_color for frame in flat], 3),
            _stacked([frame.depth2color for frame in flat], 4),
            columns or {},
        )

    @cached_property
    def spans(self) -> dict[str, tuple[int, int]]:
        """First row, and row behind the last one, of every sequence."""
        ends = np.cumsum(self.lengths)
        starts = ends - self.lengths
        return dict(zip(self.sequences, zip(starts.tolist(), ends.tolist())))

    def frame(self, sequence: str, number: int) -> IndexedFrame:
        """A frame by its number.

        Raises:
            KeyError: If the sequence is not in the index, or has no such frame.
        """
        return self.row(self.find(sequence, number))

    def find(self, sequence: str, number: int) -> int:
        """Row of a frame in the arrays.

        Raises:
            KeyError: If the sequence is not in the index, or has no such frame.
        """
        start, end = self.spans[sequence]
        row = start + int(np.searchsorted(self.numbers[start:end], number))
        if row == end or self.numbers[row] != number:
            raise KeyError(f"{sequence}/{number}")
        return row

    def frames(self, sequence: str) -> Iterator[IndexedFrame]:
        """All frames of a sequence, in order."""
        return (self.row(row) for row in range(*self.spans[sequence]))

    def sequence_of(self, row: int) -> str:
        """Name of the sequence that a row of the arrays belongs to."""
        ends = np.cumsum(self.lengths)
        return self.sequences[int(np.searchsorted(ends, row, "right"))]

    def row(self, row: int) -> IndexedFrame:
        """The frame of a row of the arrays."""
        return IndexedFrame(
            int(self.numbers[row]),
            self.images[row].decode(),
            self.depths[row].decode(),
            self.K[row],
            self.world2cam[row],
            "" if self.semantics is None else self.semantics[row].decode(),
            _unless_nan(self.K_color, row),
            _unless_nan(self.depth2color, row),
        )

    def save(self, path: str | Path) -> None:
        """Write the index; equal content, equal bytes."""
        arrays = {name: np.asarray(getattr(self, name)) for name in ARRAYS[1:]}
        arrays["sequences"] = np.array([n.encode() for n in self.sequences], np.bytes_)
        arrays |= {f"column_{name}": values for name, values in self.columns.items()}
        arrays |= {
            name: array
            for name in OPTIONAL
            if (array := getattr(self, name)) is not None
        }
        facts = json.dumps({"format": FORMAT, **self.facts._asdict()}, sort_keys=True)
        arrays["facts"] = np.array(facts.encode(), np.bytes_)
        atomic_write(path, lambda file: np.savez_compressed(file, **arrays))

    @classmethod
    def load(cls, path: str | Path) -> "FrameIndex":
        """Read what :meth:`save` wrote.

        Every array is read, so that the archive compares each with its CRC-32.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If it is damaged, or of another format.
        """
        remake = "Make it with tools/create_data.py (data/README.md)"
        store = load_arrays(path, "frame index", remake)
        with decoding(f"frame index {path}", "of another kind", remake):
            arrays: dict = {name: store[name] for name in ARRAYS}
            arrays |= {name: store[name] for name in OPTIONAL if name in store}
            arrays["columns"] = {
                name.removeprefix("column_"): store[name]
                for name in store
                if name.startswith("column_")
            }
            facts = json.loads(store["facts"].item())
            version = facts.pop("format")
        if version != FORMAT:
            raise ValueError(f"frame index {path} is of an older format. {remake}")
        with decoding(f"frame index {path}", "of another kind", remake):
            facts["extra_roots"] = tuple(facts.get("extra_roots", ()))
            names = tuple(name.decode() for name in arrays.pop("sequences"))
            index = cls(Facts(**facts), names, **arrays)
            index._check_lengths()
        return index

    def _check_lengths(self) -> None:
        """Refuse arrays that are not of one length."""
        frames = len(self.numbers)
        arrays = [getattr(self, name) for name in (*ARRAYS[2:], *OPTIONAL)]
        counts = {len(array) for array in arrays if array is not None}
        total = int(self.lengths.sum()) if (self.lengths >= 0).all() else -1
        if counts != {frames} or total != frames or self.K.shape[1:] != (3, 3):
            raise ValueError(f"its arrays have {sorted(counts)} rows, expected {total}")
        if len(self.lengths) != len(self.sequences) or self.world2cam.ndim != 3:
            raise ValueError(f"it has {len(self.sequences)} names of sequences")


def _stacked(matrices: Sequence[NDArray | None], side: int) -> NDArray | None:
    """(F, side, side) with NaN for None; None where all are."""
    if all(matrix is None for matrix in matrices):
        return None
    nowhere = np.full((side, side), np.nan)
    return np.stack([nowhere if m is None else m for m in matrices])


def _unless_nan(matrices: NDArray | None, row: int) -> NDArray | None:
    if matrices is None or np.isnan(matrices[row]).any():
        return None
    return matrices[row]


def split_scenes(
    scenes: Sequence[str],
    chosen: Mapping[str, Sequence[str]],
    rest: str = "train",
    kind: str = "scenes",
) -> dict[str, list[str]]:
    """Scenes of every split.

    Args:
        scenes: Names of all.
        chosen: Patterns of the scenes of some splits, ``*`` is a wildcard.
        rest: Split of all scenes that no pattern matches.
        kind: What the names are of, for the message.

    Raises:
        ValueError: If a pattern matches nothing.
    """
    splits = {rest: list(scenes)}
    for split, patterns in chosen.items():
        for pattern in patterns:
            if not any(fnmatchcase(scene, pattern) for scene in scenes):
                raise ValueError(
                    f"--{split}-{kind} {pattern!r} matches none of the {len(scenes)} "
                    f"{kind} found: {', '.join(scenes[:10])}"
                )
        splits[split] = [s for s in scenes if any(fnmatchcase(s, p) for p in patterns)]
        splits[rest] = [s for s in splits[rest] if s not in splits[split]]
    return splits


def matching_names(
    argument: str, names: Sequence[str], patterns: Sequence[str] | None
) -> list[str]:
    """The names that match one of ``patterns``, in their own order.

    Args:
        argument: What the user gave the patterns with, for the message.
        names: All sequences of an index.
        patterns: Names, ``*`` is a wildcard; None for all.

    Raises:
        ValueError: If a pattern matches nothing.
    """
    if patterns is None:
        return list(names)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = get_close_matches(pattern, names, 3, 0.3) or names[:3]
            raise ValueError(
                f"`{argument}` has {pattern!r}, which matches none of the {len(names)} "
                f"sequences of the index; nearest are {', '.join(near)}. Correct it, "
                "or make the index from the folder that has it"
            )
    return [n for n in names if any(fnmatchcase(n, pattern) for pattern in patterns)]


def is_test_scene(name: str) -> bool:
    """Whether a scan is of ScanNet's official test set, by its number."""
    match = re.match(r"scene(\d{4})(_|$)", name)
    return match is not None and int(match[1]) in TEST_SCENES


def check_splits(splits: Mapping[str, Sequence[str]]) -> None:
    """Refuse scenes of ScanNet's test set in what trains or selects a model.

    Raises:
        ValueError: If ``train`` or ``val`` names one.
    """
    for split in ("train", "val"):
        wrong = [scene for scene in splits.get(split, ()) if is_test_scene(scene)]
        if wrong:
            raise ValueError(
                f"the {split} split has {len(wrong)} scenes of ScanNet's test set "
                f"(scene0707 to scene0806), first {wrong[0]}: results on the test set "
                "would mean nothing. Move them to the test split"
            )
