"""Posed views for every system: one dataset over the frame indexes of all data."""

import logging
import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.checks import check_choice
from vantage3d.process.seeding import SeededSamples
from vantage3d.registry import DATASETS
from vantage3d.views.augmentation import Augmentation
from vantage3d.views.batch import Sample, assemble, camera_centers
from vantage3d.views.frame import BadSampleError, Frame, check_frame
from vantage3d.views.index import FrameIndex, check_splits, matching_names
from vantage3d.views.presets import PRESETS, DepthKind, Preset, ViewOptions
from vantage3d.views.reading import limit_depth, read_indexed
from vantage3d.views.selection import (
    Cut,
    FrameSampling,
    Rows,
    neighbours,
    spaced_by_number,
    usual_step,
)
from vantage3d.views.transform import ViewTransform

SPLITS = ("train", "val", "test")
FEW_FRAMES = "sequences of fewer than `min_frames` frames"
TOO_SHORT = "pieces too short for a sample"
MISSING = "anchors without one of their references"
STILL = "anchors without a baseline of `min_baseline`"
ALONE = "anchors with too few frames in reach"
LOOKED_AT = 200  # frames, evenly over the split, until one has depth
HOLES, JUMPS = "cuts at holes in the numbers", "cuts at jumps of the camera"


class Piece(NamedTuple):
    """Frames without a break: rows start..end-1, and their usual step in numbers."""

    start: int
    end: int
    step: int


@DATASETS.register_module()
class PosedViews(SeededSamples, BaseDataset):
    """Samples of V views of an index that ``tools/create_data.py`` wrote.

    The protocol is MMEngine's: ``full_init``, ``metainfo``, ``get_data_info`` and
    ``pipeline`` are there, and its wrappers (``ConcatDataset``, ``RepeatDataset``,
    ``ClassBalancedDataset``) and samplers take it. A sample is the contract of
    :mod:`vantage3d.views.batch`.

    There are three ways to choose views: with ``gap`` every frame is an anchor with
    fixed references; else training draws frames around each anchor, and test mode
    takes windows of neighbouring frames, or draws once with ``drawn``. All stay inside
    pieces of a sequence without a break. Everything random is drawn from the seed that
    the sampler sends along.

    A subclass for data without an index implements :meth:`load_index` and
    :meth:`read_frame`.

    Args:
        data_root: Folder of the index, with ``<split>.npz``.
        split: ``train``, ``val`` or ``test``.
        preset: Name of the dataset in :data:`PRESETS`, whose options apply where none
            are given; None for any data.
        sequences: Names to use, ``*`` is a wildcard; all if not given.
        test_mode: Fixed samples, no augmentation.
        pipeline: Transforms of the finished samples.
        indices: Numbers of the samples to use, or how many of the first.
        lazy_init: Whether the index is read by ``full_init`` only; MMEngine's.
        extra_roots: Folders beside those of the index in which its files may lie.
        **options: Arguments of :class:`ViewOptions`.

    Raises:
        FileNotFoundError: If the index is missing.
        ValueError: If it is damaged, a name matches nothing, an argument is out of
            range, or there is no sample.
    """

    METAINFO = {"metric": True}

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        preset: str | None = None,
        sequences: Sequence[str] | None = None,
        test_mode: bool = False,
        pipeline: Sequence[Any] = (),
        indices: int | Sequence[int] | None = None,
        lazy_init: bool = False,
        extra_roots: Sequence[str] = (),
        **options: Any,
    ) -> None:
        check_choice("split", split, SPLITS)
        if preset is not None:
            check_choice("preset", preset, PRESETS)
        self.preset, self.split, self.extra_roots = preset, split, tuple(extra_roots)
        chosen = Preset() if preset is None else PRESETS[preset]
        self.options = ViewOptions(**{**chosen.options, **options})
        self.kind: DepthKind | None = None
        if self.options.depth is not None:
            check_choice("depth", self.options.depth, chosen.depths)
            self.kind = chosen.depths[self.options.depth]
        self.patterns = None if sequences is None else list(sequences)
        self.sampling = FrameSampling(**self.options.sampling)
        self.augmentation = None
        if self.options.augmentation is not None and not test_mode:
            self.augmentation = Augmentation(**self.options.augmentation)
        self.skipped: Counter[str] = Counter()
        self.rejected = 0
        super().__init__(
            metainfo=dict(chosen.metainfo),
            data_root=data_root,
            indices=indices,
            serialize_data=False,  # the index is arrays, which workers share
            pipeline=list(pipeline),
            test_mode=test_mode,
            lazy_init=lazy_init,
        )

    def load_index(self) -> FrameIndex:
        """The frames of the split."""
        return FrameIndex.load(Path(self.data_root) / f"{self.split}.npz")

    def load_data_list(self) -> Rows:
        """(S, L) rows of the index: whole samples, or anchors alone (L = 1)."""
        self.index = self.load_index()
        facts = self.index.facts
        self.raw_root = Path(self.data_root) / facts.root
        declared = (os.path.abspath(folder) for folder in self.extra_roots)
        self.facts = facts._replace(extra_roots=(*facts.extra_roots, *declared))
        chosen = matching_names("sequences", self.index.sequences, self.patterns)
        if self.preset == "scannet":
            check_splits({self.split: chosen})
        least = self.options.min_frames
        spans = {name: self.index.spans[name] for name in chosen}
        used = {k: (a, b) for k, (a, b) in spans.items() if b - a >= max(1, least)}
        self.skipped[FEW_FRAMES] = len(spans) - len(used)
        if not used:
            raise ValueError(
                f"{type(self).__name__} found no frame of split {self.split!r} in "
                f"{self.data_root}, after {len(spans)} {FEW_FRAMES} ({least}). Check "
                "the folder and the split against data/README.md"
            )
        self.used = tuple(used)
        self.pieces: list[Piece] = []
        samples = [self._samples_of(name, *span) for name, span in used.items()]
        self._report(len(used), sum(map(len, samples)))
        return np.concatenate(samples)

    def _samples_of(self, name: str, start: int, end: int) -> Rows:
        """(S, L) rows of the samples of a sequence; counts what is left out."""
        numbers = self.index.numbers[start:end]
        centers = camera_centers(self.index.world2cam[start:end])
        holes, jumps = Cut(**self.options.cut).places(numbers, centers)
        self.skipped[HOLES] += len(holes)
        self.skipped[JUMPS] += len(jumps)
        bounds = [0, *np.sort(np.concatenate([holes, jumps])).tolist(), end - start]
        found = []
        for first, last in pairwise(bounds):
            piece = Piece(start + first, start + last, usual_step(numbers))
            self.pieces.append(piece)
            try:
                rows = self._windows(piece, centers[first:last])
            except ValueError as error:
                raise ValueError(f"sequence {name}: {error}") from error
            found.append(rows + piece.start)
        return np.concatenate(found)[:: self.options.anchor_step]

    def _windows(self, piece: Piece, centers: NDArray[np.float64]) -> Rows:
        """(S, L) positions in a piece."""
        numbers, options = self.index.numbers[piece.start : piece.end], self.options
        length, frames = len(numbers), options.frames
        if options.gap is None and self.test_mode and not options.drawn:
            windows = neighbours(length, frames, options.stride or frames)
            self.skipped[TOO_SHORT] += not len(windows)
            return windows
        if options.gap is None:
            anchors = np.arange(length)
            low, high = self.sampling.bounds(numbers, anchors, frames, piece.step)
            reached = high - low >= frames
            self.skipped[ALONE] += int((~reached).sum())
            if not self.test_mode:
                return anchors[reached, None]
            chosen = anchors[reached][:: options.stride or frames]
            rng, step = np.random.default_rng(piece.start), piece.step
            rows = [self.sampling.draw(numbers, a, frames, rng, step) for a in chosen]
            return np.array(rows, np.int64).reshape(-1, frames)
        windows, broken = spaced_by_number(numbers, frames, options.gap)
        self.skipped[TOO_SHORT] += not len(windows) and not broken
        self.skipped[MISSING] += broken
        asked = windows
        if options.anchors_of is not None:
            asked, _ = spaced_by_number(numbers, *options.anchors_of)
        away = np.linalg.norm(centers[asked] - centers[asked[:, :1]], axis=-1)
        moving = asked[away.max(axis=1) >= options.min_baseline, 0]
        moves = np.isin(windows[:, 0], moving)
        self.skipped[STILL] += int((~moves).sum())
        return windows[moves]

    def _report(self, sequences: int, samples: int) -> None:
        """Say what was cut and left out; raise where nothing is left."""
        why = "; ".join(f"{n} {reason}" for reason, n in self.skipped.items() if n)
        options = self.options
        spaced = "" if options.gap is None else f" with `gap` {options.gap}"
        if not samples:
            raise ValueError(
                f"no sample of {options.frames} frames{spaced} in the {sequences} "
                f"sequences of split {self.split!r}: {why}. Use fewer `frames`, a "
                "smaller `gap` or a larger `sampling.span`, or convert more of the data"
            )
        print_log(
            f"{self.name} {self.split}: {samples} samples of {sequences} sequences; "
            f"cut or left out: {why or 'nothing'}",
            logger="current",
        )

    @property
    def name(self) -> str:
        """What the dataset calls itself in samples and reports."""
        return self.preset or type(self).__name__

    @cached_property
    def sequences(self) -> dict[str, list[int]]:
        """Frame numbers of every sequence that is used."""
        spans = ((name, slice(*self.index.spans[name])) for name in self.used)
        return {name: self.index.numbers[span].tolist() for name, span in spans}

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Which frames sample ``idx`` has; of a drawn one, the anchor.

        Returns:
            ``sample_idx``; ``sequence``; ``rows``, those of the index; ``ids``, the
            numbers of the frames.

        Raises:
            IndexError: If there is no such sample.
        """
        if not self._fully_initialized:
            self.full_init()
        if not 0 <= idx < len(self):
            raise IndexError(f"sample {int(idx)} of {len(self)}")
        rows = np.asarray(self.data_list[idx])
        return {
            "sample_idx": int(idx),
            "sequence": self.index.sequence_of(rows[0]),
            "rows": rows,
            "ids": self.index.numbers[rows].tolist(),
        }

    def lacks_targets(self) -> str:
        """Why no frame has depth to learn from; empty if one has."""
        reason = ""
        rows = np.concatenate([np.arange(one.start, one.end) for one in self.pieces])
        places = np.linspace(0, len(rows) - 1, min(LOOKED_AT, len(rows))).astype(int)
        for row in rows[places]:
            name = self.index.sequence_of(row)
            try:
                self.read_frame(name, int(self.index.numbers[row]))
                return ""
            except BadSampleError as error:
                reason = str(error)
        return (
            f"none of {len(places)} frames of {self.name} {self.split} in "
            f"{self.data_root} can be used, the last: {reason}"
        )

    def get_cat_ids(self, idx: int) -> list[str]:
        """What ``ClassBalancedDataset`` balances: the first part of the sequence.

        That is the category of Co3D, the scene of Virtual KITTI.
        """
        return [self.get_data_info(idx)["sequence"].partition("/")[0]]

    def prepare_data(self, idx: int) -> Any:
        """Sample ``idx`` through the pipeline; in training a bad one is drawn again."""
        frames, aspect = getattr(idx, "shape", None) or (None, None)
        rows = self.get_data_info(idx)["rows"]
        rng = np.random.default_rng(np.random.randint(0, 2**31, 4))
        draws = 1 if self.test_mode else self.options.max_draws
        for draw in range(1, draws + 1):
            try:
                chosen = self.draw_views(rows, frames or self.options.frames, rng)
                sample = self._sample(chosen, aspect or self.options.aspect, rng)
                return self.pipeline(sample)
            except BadSampleError as error:
                self.rejected += 1
                if draw == draws:
                    tried = f" (after {draws} draws)" if draws > 1 else ""
                    raise BadSampleError(f"{error}{tried}") from error
                if self.rejected & (self.rejected - 1) == 0:  # at 1, 2, 4, ...
                    text = f"{self.name}: {self.rejected} bad draws so far; {error}"
                    print_log(text, logger="current", level=logging.WARNING)
                rows = np.asarray(self.data_list[int(rng.integers(len(self)))])
        raise AssertionError("unreachable: the last draw raises")

    def draw_views(self, rows: Rows, frames: int, rng: np.random.Generator) -> Rows:
        """(V,) rows of a sample, from its own or from its anchor.

        Raises:
            BadSampleError: If its anchor has not so many others around it.
        """
        gap = self.options.gap
        if self.test_mode or (gap is not None and frames == len(rows)):
            return rows
        row = int(rows[0])
        at = bisect_right(self.pieces, row, key=lambda piece: piece.start)
        start, end, step = self.pieces[at - 1]
        numbers = self.index.numbers[start:end]
        if gap is not None:  # a batch asks for another number than the usual one
            windows, _ = spaced_by_number(numbers, frames, gap)
            own = windows[windows[:, 0] == row - start]
            if not len(own):
                raise BadSampleError(
                    f"frame {numbers[row - start]} has not {frames - 1} others, `gap` "
                    f"{gap} apart, in a piece of {end - start}. Ask for fewer frames"
                )
            return start + own[0]
        return start + self.sampling.draw(numbers, row - start, frames, rng, step)

    def transform(self, aspect: float) -> ViewTransform:
        """The geometry of a sample without augmentation."""
        height, width = self.options.view_size(aspect)
        scattered = self.kind is not None and self.kind.scattered
        resampling = "scatter" if scattered else self.options.resampling
        place = (0.5, 0.5) if self.options.crop == "centre" else None
        return ViewTransform(height, width, resampling, place=place)

    def _sample(self, rows: Rows, aspect: float, rng: np.random.Generator) -> Sample:
        transform = self.transform(aspect)
        if self.augmentation:
            transform = self.augmentation.draw(transform, rng)
        sequence = self.index.sequence_of(rows[0])
        ids = self.index.numbers[rows].tolist()
        views = [self.read_view(sequence, number, transform) for number in ids]
        valid = int(np.count_nonzero(views[0].depth > 0))
        if valid < self.options.min_valid:
            raise BadSampleError(
                f"frame {sequence}/{ids[0]} has {valid} valid pixels, expected at "
                f"least {self.options.min_valid}. Lower `min_valid`, or allow more "
                "`max_draws`"
            )
        weights = None
        if self.options.class_weights:
            weights = np.stack([self.pixel_weights(view) for view in views])
        if self.augmentation:
            images = self.augmentation.recolour([view.image for view in views], rng)
            views = [v._replace(image=image) for v, image in zip(views, images)]
        sample = assemble(views, ids, sequence, self.name, weights)
        if self.options.native_depth:
            frame = self.read_frame(sequence, ids[0])
            sample["native_depth"] = transform.stored_depth(frame)
        return sample

    def read_view(self, sequence: str, number: int, transform: ViewTransform) -> Frame:
        """The view of a frame.

        Raises:
            BadSampleError: If it is missing, damaged, or its matrices are no camera.
        """
        frame = self.read_frame(sequence, number)
        check_frame(frame, f"{sequence}/{number}")
        return transform(frame)

    def read_frame(self, sequence: str, number: int) -> Frame:
        """A frame at its own size, with the depth that is in range.

        Raises:
            BadSampleError: If the frame cannot be used.
        """
        entry, facts = self.index.frame(sequence, number), self.facts
        if self.kind is not None:
            entry = entry._replace(depth=self.kind.path(entry))
            facts = facts._replace(reader=self.kind.reader)
        frame = read_indexed(self.raw_root, facts, entry)
        least, most = self.options.min_depth, self.options.max_depth
        most = np.inf if most is None else most
        depth = limit_depth(frame.depth, least, most, self.options.percentile)
        if not depth.any():
            raise BadSampleError(
                f"frame {sequence}/{number} has no depth between {least:g} and "
                f"{most:g} m, its median is {np.median(frame.depth[frame.depth > 0]):g}"
                " m. Widen `min_depth` and `max_depth`, or allow more `max_draws`"
            )
        return frame._replace(depth=depth)

    def pixel_weights(self, frame: Frame) -> NDArray[np.float32]:
        """(H, W) weight of each pixel in the losses, from ``class_weights``."""
        weights = dict(self.options.class_weights or {})
        if frame.semantics is None or not weights:
            return np.ones(frame.depth.shape, np.float32)
        table = np.ones(1 + max(weights) + 1, np.float32)
        table[list(weights)] = list(weights.values())
        # Unknown (-1) and classes beyond the table take its last entry, 1.
        return np.take(table, np.minimum(frame.semantics, len(table) - 1), mode="wrap")

    def building_ratio(self, sequence: str, number: int) -> float | None:
        """Share of buildings in the view of a frame; None where nobody knows."""
        if "building" not in self.index.columns:
            return None
        ratio = float(self.index.columns["building"][self.index.find(sequence, number)])
        return None if np.isnan(ratio) else ratio

    def index_facts(self) -> Iterator[Any]:
        """What the index says, frame by frame, as JSON: tells two data apart."""
        for name in self.used:
            for entry in self.index.frames(name):
                matrices = entry.K.tolist(), entry.world2cam.tolist()
                yield [name, *entry[:3], *matrices, entry.semantics]
