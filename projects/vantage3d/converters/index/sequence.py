"""One sequence of a frame source: which frames are good, and what they hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vantage3d.converters.index.agreement import check_direction
from vantage3d.converters.index.source import FrameSource, Unusable
from vantage3d.geometry import invert_rigid
from vantage3d.io.depth_files import looks_rotated
from vantage3d.io.images import read_size
from vantage3d.views.frame import BadSampleError, Frame, check_frame
from vantage3d.views.index import Facts, IndexedFrame
from vantage3d.views.reading import read_indexed

PERCENTILES = (5, 50, 95)
PAIRED = 8  # views of a sequence that are compared with their neighbours
Record = dict[str, Any]


class SequenceResult(NamedTuple):
    """What became of a sequence.

    Attributes:
        name: Of the sequence.
        frames: Good ones.
        record: ``read`` (statistics of every frame that was read), ``agreement``,
            ``step`` (median distance of neighbouring cameras).
        skipped: Why, by frame number; key "" for the whole sequence.
    """

    name: str
    frames: list[IndexedFrame]
    record: Record
    skipped: dict[str, str]


def index_sequence(
    source: FrameSource, facts: Facts, sequence: str, check_every: int
) -> SequenceResult:
    """Check a sequence.

    Every frame's matrices and files are looked at; every ``check_every``-th frame is
    read whole, as training reads it.

    Args:
        source: Where it is.
        facts: Of the index to be.
        sequence: Its name.
        check_every: Which frames to read.
    """
    try:
        listed = source.frames(sequence)
    except (ValueError, FileNotFoundError) as error:
        return SequenceResult(sequence, [], {}, {"": str(error)})
    frames, skipped, read = [], {}, []
    views: list[Frame] = []
    for position, entry in enumerate(listed):
        if isinstance(entry, Unusable):
            skipped[str(entry.number)] = entry.reason
            continue
        name = f"{sequence}/{entry.number}"
        try:
            if position % check_every == 0:
                frame = read_indexed(source.root, facts, entry)
                check_frame(frame, name)
                _check_rotation(frame, name)
                _check_center(entry, frame.depth.shape[::-1], name)
                read.append({"frame": entry.number, **frame_statistics(frame)})
                views = [*views, frame][-PAIRED:]
            else:
                _check_unread(source.root, entry, name)
        except BadSampleError as error:
            skipped[str(entry.number)] = str(error)
            continue
        frames.append(entry)
    try:
        _check_moves(frames, sequence)
        agreement = check_direction(views, sequence)
    except ValueError as error:
        return SequenceResult(sequence, [], {}, {"": str(error)})
    record = {"read": read, "agreement": agreement.given, "step": _step(frames)}
    return SequenceResult(sequence, frames, record, skipped)


def frame_statistics(frame: Frame) -> Record:
    """Coverage, valid pixels and depth percentiles (5, 50, 95) of a frame."""
    depths = frame.depth[frame.depth > 0]
    spread = np.percentile(depths, PERCENTILES)
    return {
        "coverage": depths.size / frame.depth.size,
        "valid": int(depths.size),
        "depth": [float(value) for value in spread],
    }


def _check_unread(root: Path, entry: IndexedFrame, name: str) -> None:
    """The checks that need no pixel."""
    try:
        size = read_size(root / entry.image)
    except (FileNotFoundError, ValueError) as error:
        raise BadSampleError(str(error)) from error
    if not (root / entry.depth).is_file():
        raise BadSampleError(f"depth map {root / entry.depth} is missing")
    pixel = np.zeros((1, 1, 3), np.uint8), np.ones((1, 1), np.float32)
    check_frame(Frame(*pixel, entry.K, entry.world2cam), name)
    _check_center(entry, size, name)


def _check_center(entry: IndexedFrame, size: Sequence[int], name: str) -> None:
    """Refuse a principal point outside the image, which no crop can be centred on."""
    center = entry.K[:2, 2]
    if (center < 0).any() or (center > np.array(size) - 1).any():
        raise BadSampleError(
            f"frame {name}: the principal point {center.tolist()} is outside of the "
            f"image of {size[0]}x{size[1]} pixels. Check the intrinsics"
        )


def _check_rotation(frame: Frame, name: str) -> None:
    """Refuse depth whose bits are rotated and were read as millimetres."""
    if looks_rotated(frame.depth):
        raise BadSampleError(
            f"frame {name}: the depth image is bit-rotated as SUN3D's are: all values "
            f"are multiples of 8 mm and the median is "
            f"{np.median(frame.depth[frame.depth > 0]):.3g} m, eight times too much. "
            "Read it as SUN3D (create_data.py sun3d)"
        )


def _check_moves(frames: Sequence[IndexedFrame], sequence: str) -> None:
    """Refuse a sequence with one pose for all of its frames."""
    poses = [frame.world2cam for frame in frames]
    if len(poses) > 1 and all(np.array_equal(pose, poses[0]) for pose in poses):
        raise ValueError(
            f"all {len(poses)} poses of {sequence} are identical: without a baseline "
            "there is nothing to learn from other views. Check the pose files"
        )


def _step(frames: Sequence[IndexedFrame]) -> float:
    """Median distance of neighbouring camera centres, metres; 0 for one frame."""
    if len(frames) < 2:
        return 0.0
    poses = np.stack([frame.world2cam for frame in frames])
    centers = invert_rigid(poses)[:, :3, 3]
    return float(np.median(np.linalg.norm(np.diff(centers, axis=0), axis=1)))
