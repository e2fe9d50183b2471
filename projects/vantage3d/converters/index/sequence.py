"""One sequence of a frame source: which frames are good, and what they hold."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.index.source import FrameSource, Unusable
from vantage3d.geometry import invert_rigid, project, unproject_pixels
from vantage3d.io.depth_files import looks_rotated
from vantage3d.io.images import is_there, read_size
from vantage3d.io.matrices import refuse_shares
from vantage3d.views.frame import BadSampleError, Frame, check_frame
from vantage3d.views.index import Facts, IndexedFrame
from vantage3d.views.reading import read_indexed

PERCENTILES = (5, 50, 95)
NEAREST, FARTHEST = 0.05, 50  # median depth of a frame of an indoor sensor, metres
PAIRED = 8  # views of a sequence that are compared with their neighbours
POINTS = 2000  # per view that is compared
TOLERANCE = 0.05  # of the depth
# Share of points that agree when poses are taken the other way round, at which they
# are certainly meant so, if they agree this many times less as they are given.
INVERTED, CLEARLY = 0.25, 2.0
Record = dict[str, Any]


class SequenceResult(NamedTuple):
    """What became of a sequence.

    Attributes:
        name: Name of the sequence.
        frames: Good frames.
        record: ``read`` (statistics of every frame that was read), ``agreement`` (share
            of points that land on the surface of the next view), ``step`` (median
            distance of neighbouring cameras, metres).
        skipped: Reasons by frame number; key "" for the whole sequence.
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
                frame = read_checked(source.root, facts, entry, name)
                depths = frame.depth[frame.depth > 0]
                statistics = {
                    "frame": entry.number,
                    "coverage": depths.size / frame.depth.size,
                    "valid": int(depths.size),
                    "depth": [float(v) for v in np.percentile(depths, PERCENTILES)],
                }
                read.append(statistics)
                views = [*views, frame][-PAIRED:]
            else:
                _check_unread(source.root, entry, name)
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
    try:
        agreement = check_direction(views, sequence)
    except ValueError as error:
        return SequenceResult(sequence, [], {}, {"": str(error)})
    record = {"read": read, "agreement": agreement, "step": step}
    return SequenceResult(sequence, frames, record, skipped)


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


def _check_unread(root: Path, entry: IndexedFrame, name: str) -> None:
    """The checks that need no pixel."""
    try:
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


def check_direction(views: Sequence[Frame], name: str) -> float:
    """Refuse a sequence whose poses are camera-to-world.

    Such a pose is still a rigid transform, and no check of a single matrix finds it.
    Points of one view, moved into its neighbour, do: they land on its surface, to 5 %
    of the depth, one way and not the other.

    Args:
        views: Frames in the order of the sequence.
        name: Name of the sequence, for the message.

    Returns:
        Share of points that land on the surface of the next view, the mean over
        neighbouring pairs; NaN with less than two views.

    Raises:
        ValueError: If points agree only when the poses are inverted.
    """
    turned = [v._replace(world2cam=invert_rigid(v.world2cam)) for v in views]
    given, inverted = (
        float(np.mean([_landed(*pair) for pair in pairwise(found)] or [np.nan]))
        for found in (views, turned)
    )
    if inverted > max(INVERTED, CLEARLY * given):
        raise ValueError(
            f"the poses of {name} are camera-to-world: {inverted:.0%} of the "
            "points land on the surface of the next view when they are inverted, and "
            f"{given:.0%} as given. Expected world-to-camera; invert them"
        )
    return given


def _landed(first: Frame, second: Frame) -> float:
    """Share of the first view's points that the second sees where they are."""
    rows, columns = np.nonzero(first.depth)
    step = max(1, len(rows) // POINTS)
    pixels = np.stack([columns, rows], 1)[::step]
    depth = first.depth[pixels[:, 1], pixels[:, 0]].astype(np.float64)
    cam2world = invert_rigid(first.world2cam)
    points = unproject_pixels(pixels.astype(np.float64), depth, first.K, cam2world)
    landed, expected = project(points, second.K, second.world2cam)
    size = second.depth.shape[::-1]
    columns, rows = np.clip(np.round(landed), -1, size).astype(int).T
    inside = (expected > 0) & (columns >= 0) & (rows >= 0)
    inside &= (columns < size[0]) & (rows < size[1])
    surface = second.depth[rows[inside], columns[inside]]
    off = np.abs(surface - expected[inside])
    return float((off < TOLERANCE * expected[inside]).sum() / max(len(pixels), 1))
