"""From chunks to one world: predicted, aligned, closed, solved."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vantage3d.geometry import invert_rigid
from vantage3d.geometry.similarity import Floats, Similarity
from vantage3d.process.progress import track
from vantage3d.stitching.alignment import Alignment, align
from vantage3d.stitching.chunks import Chunk, ChunkFolder, Model, chunk_ranges
from vantage3d.stitching.graph import Edge, solve
from vantage3d.stitching.loops import Matcher, candidates, prove

MOST_POINTS = 20_000  # of an overlap; more are thinned out evenly
TRUSTED = 0.6  # share of the points that must agree for an overlap to be trusted
LEAST_SIGMA = 1e-4
NOTHING = 1.0  # sigma of an overlap where nothing could be aligned
BRIDGED = 3  # pairs of frames that are tried across a chunk that does not fit


class StitchedFrame(NamedTuple):
    """A frame in the common world.

    Attributes:
        number: Its number.
        depth: (H, W) z-depth in units of the world, 0 where missing.
        conf: (H, W) confidence as the network gave it.
        K: (3, 3) intrinsics in pixels of ``depth``.
        cam2world: (4, 4), OpenCV axes.
    """

    number: int
    depth: Floats
    conf: Floats
    K: Floats
    cam2world: Floats


@dataclass(frozen=True)
class Stitched:
    """A long sequence in one world: the first camera, in the first chunk's unit.

    Attributes:
        cam2world: (N, 4, 4) of all frames.
        scale: (N,) units of the world per unit of the chunk that has a frame's depth.
        chunk: (N,) number of that chunk.
        reliable: (N,) bool, False where no trusted edge holds the frame's chunks.
        edges: What the chunks were put together by.
        nodes: Where each chunk lies in the first one.
        folder: The chunks on disk.
    """

    cam2world: Floats
    scale: Floats
    chunk: NDArray[np.integer]
    reliable: NDArray[np.bool_]
    edges: Sequence[Edge]
    nodes: Sequence[Similarity]
    folder: ChunkFolder

    def frames(self, numbers: Iterable[int] | None = None) -> Iterator[StitchedFrame]:
        """Frames by number, all if not given; one chunk is in memory at a time."""
        holder, chunk = -1, None
        for number in range(len(self.scale)) if numbers is None else numbers:
            if self.chunk[number] != holder or chunk is None:
                holder = int(self.chunk[number])
                chunk = self.folder.load(holder)
            view = number - self.folder.ranges[holder].start
            depth = (chunk.depth[view] * self.scale[number]).astype(np.float32)
            pose = self.cam2world[number]
            yield StitchedFrame(number, depth, chunk.conf[view], chunk.K[view], pose)


def stitch(
    model: Model,
    frames: int,
    folder: Path,
    identity: str,
    matcher: Matcher | None = None,
    size: int = 24,
    overlap: int = 8,
) -> Stitched:
    """Predict a long sequence in chunks and put them into one world.

    Chunks lie on disk, so memory holds two of them, and per frame a feature vector and
    a pose. After a kill the same call goes on with the chunks that are missing.

    Args:
        model: Predicts some frames.
        frames: How many there are.
        folder: Where the chunks go.
        identity: What the predictions depend on; see :class:`ChunkFolder`.
        matcher: Finds matching pixels of two frames, for loops and for bridges across a
            chunk that does not fit; None for neither.
        size: Frames of a chunk.
        overlap: Frames that neighbouring chunks share.

    Raises:
        ValueError: If sizes make no sense, or the folder holds other chunks.
    """
    store = ChunkFolder(folder, identity, chunk_ranges(frames, size, overlap))
    for number in track(range(len(store.ranges)), description="chunks"):
        store.predict(number, model)
    edges, depths = _overlaps(store)
    if matcher is not None:
        edges += _bridges(store, edges, matcher)
        edges += _loops(store, matcher, gap=size)
    return _together(store, edges, solve(edges, depths), frames)


def _overlaps(store: ChunkFolder) -> tuple[list[Edge], Floats]:
    """Edges of neighbours, and the typical depth of each chunk."""
    edges, depths, before = [], [], None
    for number in range(len(store.ranges)):
        chunk = store.load(number)
        known = chunk.depth[chunk.depth > 0]
        depths.append(float(np.median(known)) if len(known) else 1.0)
        if before is not None:
            pair = store.ranges[number - 1], store.ranges[number]
            found = _align_shared(before, chunk, *pair)
            edges.append(_edge(number - 1, number, found, "overlap"))
        before = chunk
    return edges, np.array(depths)


def _align_shared(
    target: Chunk, source: Chunk, first: range, second: range
) -> Alignment | None:
    """The second chunk in the first by the pixels of the frames they share."""
    parts = []
    shared = range(second.start, first.stop)
    step = max(1, -(-len(shared) * target.depth[0].size // MOST_POINTS))
    for frame in shared:
        a, b = frame - first.start, frame - second.start
        known = (target.depth[a] > 0) & (source.depth[b] > 0)
        weights = np.sqrt(target.conf[a].astype(np.float64) * source.conf[b]) * known
        rows = slice(frame % step, None, step)  # other pixels of each frame
        parts.append(
            (
                source.world_points(b).reshape(-1, 3)[rows],
                target.world_points(a).reshape(-1, 3)[rows],
                target.depth[a].ravel()[rows],
                weights.ravel()[rows],
            )
        )
    return align(*(np.concatenate(part) for part in zip(*parts)))


def _edge(first: int, second: int, found: Alignment | None, kind: str) -> Edge:
    """What an alignment says; next to nothing where there is none."""
    if found is None:
        one = Similarity(1.0, np.eye(3), np.zeros(3))
        return Edge(first, second, one, NOTHING, kind, 0.0)
    sigma = max(found.spread, LEAST_SIGMA) / max(found.share, LEAST_SIGMA)
    return Edge(first, second, found.similarity, sigma, kind, found.share)


def _bridges(store: ChunkFolder, edges: Sequence[Edge], matcher: Matcher) -> list[Edge]:
    """Links across chunks that do not fit their neighbours, by matching frames."""
    found = []
    for before, after in pairwise(edges):
        if max(before.share, after.share) >= TRUSTED:
            continue
        first, second = store.ranges[before.first], store.ranges[after.second]
        last, start = first.stop - 1, second.start
        pairs = [(last - i, start + j) for i in range(BRIDGED) for j in range(BRIDGED)]
        found += _linked(store, before.first, after.second, pairs, matcher, "bridge")
    return found


def _loops(store: ChunkFolder, matcher: Matcher, gap: int) -> list[Edge]:
    """Links of chunks that show the same place again."""
    parts, seen = [], 0
    for number, own in enumerate(store.ranges):
        parts.append(store.load_part(number, "features")[seen - own.start :])
        seen = own.stop
    found = []
    tried = candidates(np.concatenate(parts), store.ranges, gap)
    for one in track(tried, description="places seen again"):
        found += _linked(store, one.first, one.second, one.pairs, matcher, "loop")
    return found


def _linked(
    store: ChunkFolder,
    first: int,
    second: int,
    pairs: Sequence[tuple[int, int]],
    matcher: Matcher,
    kind: str,
) -> list[Edge]:
    """The best proven link of two chunks, if there is one."""
    chunks: list[Chunk] = []
    best: Alignment | None = None
    for i, j in pairs:
        pixels = matcher(i, j)
        if not chunks and len(pixels[0]):
            chunks = [store.load(first), store.load(second)]
        if len(pixels[0]):
            views = i - store.ranges[first].start, j - store.ranges[second].start
            found = prove(chunks[0], chunks[1], views, pixels)
            if found and (best is None or found.share > best.share):
                best = found
    return [] if best is None else [_edge(first, second, best, kind)]


def _together(
    store: ChunkFolder, edges: Sequence[Edge], nodes: Sequence[Similarity], frames: int
) -> Stitched:
    """Poses of all frames: where chunks overlap, between what they say.

    A chunk counts more the farther a frame is from its ends, and one that no trusted
    edge holds counts only where no other has the frame.
    """
    trusted = [e for e in edges if e.share >= TRUSTED or e.kind != "overlap"]
    held = {node for edge in trusted for node in edge[:2]}
    moved = [node.move(store.load_part(i, "cam2world")) for i, node in enumerate(nodes)]
    if len(nodes) == 1:
        held = {0}
    poses, scales = np.tile(np.eye(4), (frames, 1, 1)), np.ones(frames)
    holders, reliable = np.zeros(frames, int), np.zeros(frames, bool)
    for frame in range(frames):
        having = [i for i, own in enumerate(store.ranges) if frame in own]
        having = [i for i in having if i in held] or having
        inner = np.array(
            [
                min(frame - store.ranges[i].start, store.ranges[i].stop - 1 - frame) + 1
                for i in having
            ],
            float,
        )
        views = np.stack([moved[i][frame - store.ranges[i].start] for i in having])
        turns = Rotation.from_matrix(views[:, :3, :3])
        poses[frame, :3, :3] = turns.mean(inner).as_matrix()
        share = inner / inner.sum()
        poses[frame, :3, 3] = share @ views[:, :3, 3]
        best = int(inner.argmax())
        holders[frame], reliable[frame] = having[best], having[best] in held
        scales[frame] = nodes[having[best]].scale
    poses = invert_rigid(poses[0]) @ poses
    return Stitched(poses, scales, holders, reliable, edges, nodes, store)
