"""One sequence of a frame source: which frames are good, and what they hold."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.index.indexed_reader import IndexedReader
from vantage3d.converters.index.source import FrameSource, Unusable
from vantage3d.geometry import invert_rigid
from vantage3d.io.depth_files import looks_rotated
from vantage3d.io.images import is_there, read_size
from vantage3d.io.matrices import refuse_shares
from vantage3d.io.names import LONGEST
from vantage3d.io.paths import check_path
from vantage3d.recordings.findings import errors
from vantage3d.recordings.preflight import Checked, glance
from vantage3d.recordings.preflight.footage import choose, film_of
from vantage3d.views.frame import BadSampleError, Frame, check_frame
from vantage3d.views.index import Facts, IndexedFrame
from vantage3d.views.reading import check_inside, read_indexed

PERCENTILES = (5, 50, 95)
NEAREST, FARTHEST = 0.05, 50  # median depth of a frame of an indoor sensor, metres
Record = dict[str, Any]


class SequenceResult(NamedTuple):
    """What became of a sequence.

    Attributes:
        name: Name of the sequence.
        frames: Good frames.
        record: ``read`` (statistics of every frame that was read), ``agreement`` (share
            of points that another view sees that lie on its surface), ``step`` (median
            distance of neighbouring cameras, metres).
        skipped: Reasons by frame number; key "" for the whole sequence.
    """

    name: str
    frames: list[IndexedFrame]
    record: Record
    skipped: dict[str, str]


class Checks(NamedTuple):
    """How much is looked at.

    Attributes:
        every: One of so many frames is read whole, as training reads it.
        force: Whether a sequence whose views disagree is kept.
        agreements: Of sequences whose views were compared before.
    """

    every: int
    force: bool = False
    agreements: Mapping[str, float] = {}


def index_sequence(
    source: FrameSource, facts: Facts, sequence: str, checks: Checks
) -> SequenceResult:
    """Check a sequence: every frame's matrices and files, some frames, its views."""
    try:
        listed = source.frames(sequence)
    except (ValueError, FileNotFoundError) as error:
        return SequenceResult(sequence, [], {}, {"": str(error)})
    frames, skipped, read = [], {}, []
    usable = [entry for entry in listed if not isinstance(entry, Unusable)]
    compared: set[int] = set()
    if sequence not in checks.agreements:
        reader = IndexedReader(source.root, facts, usable)
        compared = {usable[at].number for at in choose(reader)}
    kept: dict[int, Frame] = {}
    for position, entry in enumerate(listed):
        if isinstance(entry, Unusable):
            skipped[str(entry.number)] = entry.reason
            continue
        name = f"{sequence}/{entry.number}"
        try:
            if position % checks.every == 0:
                frame = read_checked(source.root, facts, entry, name)
                depths = frame.depth[frame.depth > 0]
                statistics = {
                    "frame": entry.number,
                    "coverage": depths.size / frame.depth.size,
                    "valid": int(depths.size),
                    "depth": [float(v) for v in np.percentile(depths, PERCENTILES)],
                }
                read.append(statistics)
                if entry.number in compared:
                    kept[entry.number] = frame
            else:
                _check_unread(source.root, facts, entry, name)
        except BadSampleError as error:
            skipped[str(entry.number)] = str(error)
            continue
        frames.append(entry)
    step = 0.0
    if len(frames) > 1:
        poses = np.stack([frame.world2cam for frame in frames])
        if (poses == poses[0]).all():
            reason = (
                f"all {len(poses)} poses of {sequence} are identical: without a "
                "baseline there is nothing to learn from other views. Check the pose "
                "files"
            )
            return SequenceResult(sequence, [], {}, {"": reason})
        moves = np.diff(invert_rigid(poses)[:, :3, 3], axis=0)
        step = float(np.median(np.linalg.norm(moves, axis=1)))
    agreement = checks.agreements.get(sequence)
    if agreement is None:
        reader = IndexedReader(source.root, facts, frames, kept)
        views = Checked([])
        if (film := film_of(reader)) is not None:
            views = glance(film, sequence, source.meaning(facts))
        agreement = views.agreement
        if (wrong := errors(views.findings)) and not checks.force:
            return SequenceResult(sequence, [], {}, {"": str(wrong[0])})
    record = {"read": read, "agreement": agreement, "step": step}
    return SequenceResult(sequence, frames, record, skipped)


def check_sequence(name: str) -> None:
    """Refuse a name of a sequence that is no path below the data.

    Raises:
        ValueError: If it leads out of a folder, or files cannot be called by it.
    """
    check_path(name, "a list of sequences")
    if name.startswith("/") or ".." in name.split("/"):
        raise ValueError(f"sequence {name!r:.80} leads out of the data. Rename it")
    if len(quoted := quote(name, safe="")) > LONGEST:
        raise ValueError(
            f"sequence {name!r:.60}... takes {len(quoted)} letters in the name of a "
            f"file, allowed are {LONGEST}. Shorten it"
        )


def read_checked(root: Path, facts: Facts, entry: IndexedFrame, name: str) -> Frame:
    """A frame as training reads it, checked as every converter checks it.

    Raises:
        BadSampleError: If a file is missing or damaged, sizes or cameras cannot be
            right, or depth is in another code than the layout says.
    """
    frame = read_indexed(root, facts, entry)
    check_frame(frame, name)
    _check_center(frame.K, frame.depth.shape[::-1], name)
    median = float(np.median(frame.depth[frame.depth > 0]))
    if not NEAREST < median < FARTHEST and facts.registered:
        raise BadSampleError(
            f"frame {name}: the depth map {root / entry.depth} has a median of "
            f"{median:g} m with {facts.depth_scale:g} units per metre, expected "
            f"{NEAREST} to {FARTHEST} m. Give the scale of the files with --depth-scale"
        )
    if looks_rotated(frame.depth):
        raise BadSampleError(
            f"frame {name}: the depth image is bit-rotated as SUN3D's are: all values "
            f"are multiples of 8 mm and the median is "
            f"{np.median(frame.depth[frame.depth > 0]):.3g} m, eight times too much. "
            "Read it as SUN3D (create_data.py sun3d)"
        )
    return frame


def _check_unread(root: Path, facts: Facts, entry: IndexedFrame, name: str) -> None:
    """The checks that need no pixel."""
    try:
        check_inside(root, facts, entry)
        size = read_size(root / entry.image)
    except (FileNotFoundError, ValueError) as error:
        raise BadSampleError(str(error)) from error
    if not is_there(root / entry.depth):
        raise BadSampleError(f"depth map {root / entry.depth} is missing")
    pixel = np.zeros((1, 1, 3), np.uint8), np.ones((1, 1), np.float32)
    check_frame(Frame(*pixel, entry.K, entry.world2cam), name)
    _check_center(entry.K, size, name)


def _check_center(K: NDArray[np.float64], size: Sequence[int], name: str) -> None:
    """Refuse intrinsics in shares of the image, and a principal point outside it."""
    try:
        refuse_shares(K, size, f"of frame {name}")
    except ValueError as error:
        raise BadSampleError(str(error)) from error
    center = K[:2, 2]
    if (center < 0).any() or (center > np.array(size) - 1).any():
        raise BadSampleError(
            f"frame {name}: the principal point {center.tolist()} is outside of the "
            f"image of {size[0]}x{size[1]} pixels. Check the intrinsics"
        )
