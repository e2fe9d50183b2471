"""Samples of DELTAS: an anchor view, references around it, cameras and depth."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from numpy.typing import NDArray
from torch.utils.data import Dataset

from vantage3d.checks import check_choice
from vantage3d.geometry import invert_rigid
from vantage3d.process.seeding import SeededIndex, seeded
from vantage3d.registry import DATASETS
from vantage3d.views.augmentation_deltas import Augmentation
from vantage3d.views.frame import Frame, check_frame
from vantage3d.views.gap_windows import windows_of_numbers
from vantage3d.views.index import FrameIndex
from vantage3d.views.names import matching_names
from vantage3d.views.reading import read_indexed
from vantage3d.views.triplet_transform import ViewTransform

CELL = 8  # pixels of the cells in which interest points are found
TOO_SHORT = "scenes shorter than `seq_gap` x `seq_length` frames"
MISSING = "anchors without one of their references"
STILL = "anchors without a baseline of `min_baseline`"
Sample = dict[str, Any]


@DATASETS.register_module()
class SequenceDataset(Dataset):
    """Anchors and references of an index that ``tools/create_data.py`` wrote.

    A sample is a dict of ``images`` (V, 3, H, W) uint8 RGB with the anchor as view 0;
    ``K`` (V, 3, 3) float32 in pixels of these images; ``cam2world`` (V, 4, 4) float32;
    ``depth`` (V, H, W) float32 metres, 0 = missing; and ``name``,
    ``<scene>/<anchor>-<reference>-...`` with the numbers of the frames.

    Args:
        data_root: Folder of the index, with ``<split>.npz``.
        split: ``train``, ``val`` or ``test``.
        seq_length: Views of a sample.
        seq_gap: Difference between the frame numbers of neighbouring views.
        size: (H, W) of the views, multiples of 8.
        scenes: Names to use, ``*`` is a wildcard; all if not given.
        anchor_step: Takes every so many-th sample of a scene.
        min_baseline: Samples whose references are all nearer to the anchor's camera
            than this, in metres, are left out: nothing can be triangulated.
        with_depth: Whether samples have ``depth``.
        augmentation: Arguments of :class:`Augmentation`; None for none.
        native_depth: Whether samples have ``native_depth``, the anchor's (h, w) depth
            of the same view at the size of its file, for evaluation at that size.

    Raises:
        FileNotFoundError: If the index is missing.
        ValueError: If it is damaged, an argument is out of range, or there is no
            sample.
    """

    METAINFO: dict[str, Any] = {"metric": True}

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        seq_length: int = 3,
        seq_gap: int = 20,
        size: tuple[int, int] = (240, 320),
        scenes: Sequence[str] | None = None,
        anchor_step: int = 1,
        min_baseline: float = 1e-3,
        with_depth: bool = True,
        augmentation: Mapping[str, Any] | None = None,
        native_depth: bool = False,
    ) -> None:
        check_choice("split", split, ("train", "val", "test"))
        self.height, self.width = _checked_size(size)
        _check_at_least("seq_length", seq_length, 2)
        _check_at_least("seq_gap", seq_gap, 1)
        _check_at_least("anchor_step", anchor_step, 1)
        self.seq_length, self.seq_gap = seq_length, seq_gap
        self.min_baseline, self.with_depth = min_baseline, with_depth
        self.native_depth = native_depth
        self.augmentation = None
        if augmentation is not None:
            self.augmentation = Augmentation(**augmentation)
        self.index = FrameIndex.load(Path(data_root) / f"{split}.npz")
        self.raw_root = Path(data_root) / self.index.facts.root
        self.skipped: Counter[str] = Counter()
        chosen = matching_names("scenes", self.index.sequences, scenes)
        self.check_scenes(chosen, split)
        windows = [self._windows(name)[::anchor_step] for name in chosen]
        self.windows = np.concatenate(windows)
        self._report(split, len(chosen))

    def check_scenes(self, scenes: Sequence[str], split: str) -> None:
        """Refuse scenes that must not be in ``split``; a subclass knows which."""

    def _windows(self, scene: str) -> NDArray[np.int64]:
        """(S, L) rows of the index; what is left out is counted."""
        start, end = self.index.spans[scene]
        numbers = self.index.numbers[start:end]
        try:
            windows, broken = windows_of_numbers(numbers, self.seq_length, self.seq_gap)
        except ValueError as error:
            raise ValueError(f"scene {scene}: {error}") from error
        self.skipped[TOO_SHORT] += not len(windows) and not broken
        self.skipped[MISSING] += broken
        centers = invert_rigid(self.index.world2cam[start:end])[:, :3, 3]
        away = np.linalg.norm(centers[windows] - centers[windows[:, :1]], axis=-1)
        moves = away.max(axis=1) >= self.min_baseline
        self.skipped[STILL] += int((~moves).sum())
        return windows[moves] + start

    def _report(self, split: str, scenes: int) -> None:
        """Say what is left out; raise where nothing is left."""
        why = "; ".join(f"{n} {reason}" for reason, n in self.skipped.items() if n)
        if not len(self.windows):
            raise ValueError(
                f"no sample of {self.seq_length} frames with `seq_gap` {self.seq_gap} "
                f"in the {scenes} scenes of split {split!r}: {why}. Use a smaller "
                "`seq_gap` or `seq_length`, or longer scenes"
            )
        text = f"{type(self).__name__} {split}: {len(self)} samples of {scenes} scenes"
        print_log(f"{text}; left out: {why or 'nothing'}", logger="current")

    @property
    def metainfo(self) -> dict[str, Any]:
        """What the class says about its data."""
        return {"dataset": type(self).__name__, **self.METAINFO}

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        known = isinstance(index, SeededIndex)
        with seeded(index.seed) if known else nullcontext():
            rng = np.random.default_rng(np.random.randint(0, 2**31, 4))
        rows = self.windows[index]
        transform = ViewTransform(self.height, self.width)
        if self.augmentation:
            transform = self.augmentation.draw(self.height, self.width, rng)
        frames, views = zip(*(self.view(row, transform) for row in rows))
        images = [view.image for view in views]
        if self.augmentation:
            images = self.augmentation.recolour(images, rng)
        sample = self._sample(views, images, self._name(rows))
        if self.native_depth:
            sample["native_depth"] = native_depth(transform, frames[0].depth)
        return sample

    def view(self, row: int, transform: ViewTransform) -> tuple[Frame, Frame]:
        """A frame as it is stored, and the view that a sample shows of it.

        Raises:
            BadSampleError: If it is missing, damaged, or its matrices are no camera.
        """
        entry = self.index.row(row)
        frame = read_indexed(self.raw_root, self.index.facts, entry)
        check_frame(frame, f"{entry.number} ({entry.image})")
        return frame, transform(frame)

    def _name(self, rows: NDArray[np.int64]) -> str:
        ends = np.cumsum(self.index.lengths)
        scene = self.index.sequences[int(np.searchsorted(ends, rows[0], "right"))]
        return f"{scene}/{'-'.join(map(str, self.index.numbers[rows]))}"

    def _sample(
        self, views: Sequence[Frame], images: list[NDArray[np.uint8]], name: str
    ) -> Sample:
        world2cam = np.stack([view.world2cam for view in views])
        sample = {
            "images": torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy()),
            "K": torch.from_numpy(np.stack([v.K for v in views]).astype(np.float32)),
            "cam2world": torch.from_numpy(invert_rigid(world2cam).astype(np.float32)),
            "name": name,
        }
        if self.with_depth:
            sample["depth"] = torch.from_numpy(np.stack([v.depth for v in views]))
        return sample


def native_depth(
    transform: ViewTransform, depth: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(h, w) stored depth of what a view shows, not resized."""
    window = transform.window((depth.shape[1], depth.shape[0]))
    part = transform.cut(depth, window)
    return part[:, ::-1].copy() if transform.mirrored else part


def _checked_size(size: Sequence[int]) -> tuple[int, int]:
    height, width = size
    if min(size) <= 0 or height % CELL or width % CELL:
        near = tuple(max(1, round(side / CELL)) * CELL for side in size)
        raise ValueError(
            f"`size` must be (H, W) in multiples of {CELL}, got {tuple(size)}. Use "
            f"{near}"
        )
    return height, width


def _check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"`{name}` must be at least {least}, got {value}")
