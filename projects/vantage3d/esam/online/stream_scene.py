"""What a stream has found so far: its space and a table of its instances."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.esam.online.tracks import Tracks
from vantage3d.esam.online.voxel_map import VoxelMap


class StreamInstance(NamedTuple):
    """An instance of a stream.

    Attributes:
        id: Its id in all frames.
        label: Name of its class.
        label_score: Mean over its detections of how likely that class is, weighted by
            their scores; of a network that gives labels alone, the share of them.
        score: Mean of its detections.
        frames: How many show it.
        first: Place of the first of them in the stream.
        last: Place of the last one.
        voxels: How many it fills.
        box: (6,) smallest and largest corner of these, metres; NaN without any.
    """

    id: int
    label: str
    label_score: float
    score: float
    frames: int
    first: int
    last: int
    voxels: int
    box: NDArray[np.float64]


class StreamScene(NamedTuple):
    """What a stream has found so far.

    Attributes:
        points: (V, 3) middles of the voxels that were seen, metres.
        ids: (V,) instance of each, -1 for none.
        table: The instances by id.
    """

    points: NDArray[np.float64]
    ids: NDArray[np.int32]
    table: tuple[StreamInstance, ...]


def scene_of(
    tracks: Tracks,
    seen: VoxelMap,
    owners: NDArray[np.int32],
    classes: Sequence[str],
) -> StreamScene:
    """The scene of instances and of the voxels that they fill.

    Args:
        tracks: The instances.
        seen: The voxels.
        owners: (V,) instance of each, -1 for none.
        classes: Names.
    """
    points, rows = seen.points, []
    order = np.argsort(owners, kind="stable")
    ends = np.searchsorted(owners[order], np.arange(len(tracks) + 1))
    labels, sure, half = tracks.labels, tracks.label_scores, seen.voxel_size / 2
    for number in range(len(tracks)):
        own = points[order[ends[number] : ends[number + 1]]]
        box = np.full(6, np.nan)
        if len(own):
            box = np.concatenate([own.min(0) - half, own.max(0) + half])
        times = (int(of[number]) for of in (tracks.frames, tracks.first, tracks.last))
        name, score = classes[labels[number]], float(tracks.scores[number])
        of_label = name, float(sure[number])
        rows.append(StreamInstance(number, *of_label, score, *times, len(own), box))
    return StreamScene(points, owners, tuple(rows))
