"""Datasets that read a frame index written by tools/create_data.py."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vantage3d.checks import check_positive
from vantage3d.views.dataset import MultiViewDataset
from vantage3d.views.frame import BadSampleError, Frame
from vantage3d.views.index import FrameIndex
from vantage3d.views.names import matching_names
from vantage3d.views.reading import limit_depth, read_indexed


class IndexedDataset(MultiViewDataset):
    """Frames of an index; a subclass states what its data need.

    Args:
        data_root: Folder that ``tools/create_data.py`` wrote, with ``<split>.npz``.
        split: ``train``, ``val`` or ``test``.
        sequences: Names to use, ``*`` is a wildcard; all if not given.
        min_frames: Sequences with fewer are left out.
        min_depth: Nearer depth is missing, metres.
        max_depth: Farther depth is missing, metres; None for no limit.
        percentile: Depth beyond this percentile of a frame is missing; None for none.
        **options: Of :class:`MultiViewDataset`.

    Raises:
        FileNotFoundError: If the index is missing.
        ValueError: If it is damaged, a name matches nothing, or an argument is out of
            range.
    """

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        sequences: Sequence[str] | None = None,
        min_frames: int = 1,
        min_depth: float = 0.0,
        max_depth: float | None = None,
        percentile: float | None = None,
        **options: Any,
    ) -> None:
        check_positive("min_frames", min_frames)
        self.patterns = None if sequences is None else list(sequences)
        self.min_frames, self.min_depth = min_frames, min_depth
        self.max_depth = float("inf") if max_depth is None else max_depth
        self.percentile = percentile
        self.index = FrameIndex.load(Path(data_root) / f"{split}.npz")
        self.raw_root = Path(data_root) / self.index.facts.root
        super().__init__(data_root, split, **options)

    def load_sequences(self) -> Mapping[str, Sequence[int]]:
        names = list(self.index.sequences)
        chosen = matching_names("sequences", names, self.patterns)
        numbers, spans = self.index.numbers, self.index.spans
        return {
            name: numbers[slice(*spans[name])].tolist()
            for name in chosen
            if spans[name][1] - spans[name][0] >= self.min_frames
        }

    def index_facts(self) -> Iterator[Any]:
        """Number, paths and cameras of every frame of the chosen sequences."""
        for name in self.sequences:
            for entry in self.index.frames(name):
                yield [
                    name,
                    entry.number,
                    entry.image,
                    entry.depth,
                    entry.K.tolist(),
                    entry.world2cam.tolist(),
                ]

    def read_frame(self, sequence: str, number: int) -> Frame:
        frame = self.load_frame(sequence, number)
        depth = limit_depth(
            frame.depth, self.min_depth, self.max_depth, self.percentile
        )
        if not depth.any():
            raise BadSampleError(
                f"frame {sequence}/{number} has no depth between {self.min_depth:g} "
                f"and {self.max_depth:g} m, its median is "
                f"{np.median(frame.depth[frame.depth > 0]):g} m. Widen `min_depth` and "
                "`max_depth`, or allow more `max_draws`."
            )
        return frame._replace(depth=depth)

    def load_frame(self, sequence: str, number: int) -> Frame:
        """One frame with all its depth."""
        entry = self.index.frame(sequence, number)
        return read_indexed(self.raw_root, self.index.facts, entry)
