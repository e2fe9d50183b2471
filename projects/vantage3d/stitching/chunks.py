"""Chunks of a long sequence: which frames, what is predicted of them, their files."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_finite, check_positive, check_shape
from vantage3d.geometry import unproject
from vantage3d.io.arrays import load_arrays
from vantage3d.io.atomic import atomic_write, atomic_write_bytes
from vantage3d.io.checksums import read_sealed, seal

Floats = NDArray[np.floating]
FACTS = "stitching.json"
ARRAYS = ("depth", "conf", "K", "cam2world", "features")
_AGAIN = "Delete it: the same command predicts it again"


@dataclass(frozen=True)
class Chunk:
    """What a network says of some frames, in a world and unit of its own.

    Attributes:
        depth: (V, H, W) z-depth, 0 where missing.
        conf: (V, H, W) confidence of the depth, not negative; only ratios matter.
        K: (V, 3, 3) intrinsics in pixels of ``depth``.
        cam2world: (V, 4, 4), OpenCV axes.
        features: (V, C) what a frame looks like, for finding those that look alike.
    """

    depth: Floats
    conf: Floats
    K: Floats
    cam2world: Floats
    features: Floats

    def __post_init__(self) -> None:
        dims = check_shape("depth", self.depth, "V H W")
        check_shape("conf", self.conf, "V H W", dims=dims)
        check_shape("K", self.K, "V 3 3", dims=dims)
        check_shape("cam2world", self.cam2world, "V 4 4", dims=dims)
        check_shape("features", self.features, "V C", dims=dims)
        for name in ARRAYS:
            check_finite(name, getattr(self, name), fix="Set unknown depth to 0.")
        if (least := self.conf.min(initial=0)) < 0:
            raise ValueError(
                f"`conf` must not be negative, got {least}: points count by it. Give "
                "exp(conf) of a network that says logarithms"
            )

    def world_points(self, view: int) -> Floats:
        """(H, W, 3) points of a frame in the world of the chunk, float64."""
        depth, K, pose = self.depth[view], self.K[view], self.cam2world[view]
        return unproject(depth.astype(np.float64), K.astype(np.float64), pose)


# A network, or its predictions: numbers of frames to what it says of them.
Model = Callable[[Sequence[int]], Chunk]


def chunk_ranges(frames: int, size: int, overlap: int) -> list[range]:
    """Frames of each chunk: ``size`` of them, ``overlap`` shared with the next.

    The last chunk ends with the last frame and shares more.

    Raises:
        ValueError: If chunks would not move on, or would share nothing.
    """
    check_positive("frames", frames)
    if not 0 < overlap < size:
        raise ValueError(
            f"`overlap` must be between 1 and `size` - 1 = {size - 1}, got {overlap}: "
            "neighbouring chunks are aligned by the frames that they share"
        )
    starts = list(range(0, max(frames - size, 0), size - overlap))
    starts.append(max(frames - size, 0))
    return [range(start, min(start + size, frames)) for start in starts]


class ChunkFolder:
    """Chunks on disk, one npz each; what is there is not predicted again.

    Args:
        folder: Where they are.
        identity: What the predictions depend on, such as the hash of the weights and
            the names of the frames.
        ranges: Frames of each chunk.

    Raises:
        ValueError: If the folder holds chunks of something else.
    """

    def __init__(self, folder: Path, identity: str, ranges: Sequence[range]) -> None:
        self.folder, self.ranges = folder, list(ranges)
        facts = {
            "identity": identity,
            "chunks": [[r.start, r.stop] for r in self.ranges],
        }
        path = folder / FACTS
        if path.exists():
            before = read_sealed(path, "the list of chunks", _AGAIN)
            for key, now in facts.items():
                if before.get(key) != now:
                    raise ValueError(
                        f"{folder} holds chunks of another run: their {key} was "
                        f"{_short(before.get(key))}, now it is {_short(now)}. Choose "
                        "another folder, or delete this one"
                    )
        else:
            atomic_write_bytes(path, seal(json.dumps(facts)))

    def path(self, number: int) -> Path:
        """File of a chunk."""
        return self.folder / f"chunk_{number:05d}.npz"

    def predict(self, number: int, model: Model) -> bool:
        """Have a chunk predicted and write it; False if it was there.

        Raises:
            ValueError: If the model answers with another number of frames.
        """
        if self.path(number).exists():
            return False
        wanted = self.ranges[number]
        chunk = model(wanted)
        if len(chunk.depth) != len(wanted):
            raise ValueError(
                f"the model was asked for {len(wanted)} frames ({wanted.start} to "
                f"{wanted.stop - 1}) and returned {len(chunk.depth)}"
            )
        exact = ("K", "cam2world")
        arrays = {
            n: getattr(chunk, n).astype(np.float64 if n in exact else np.float32)
            for n in ARRAYS
        }
        atomic_write(
            self.path(number),
            lambda file: np.savez(file, **arrays),  # type: ignore[arg-type]
        )
        return True

    def load(self, number: int) -> Chunk:
        """A chunk as it was written.

        Raises:
            FileNotFoundError: If it was not predicted yet.
            ValueError: If the file is damaged.
        """
        return Chunk(**load_arrays(self.path(number), "chunk", _AGAIN, ARRAYS))

    def load_part(self, number: int, name: str) -> Floats:
        """One array of a chunk, such as its features, and nothing else."""
        return load_arrays(self.path(number), "chunk", _AGAIN, [name])[name]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) < 80 else f"{text[:60]} ... ({len(text)} letters)"
