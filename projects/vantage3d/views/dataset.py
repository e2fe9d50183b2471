"""What every multi-view dataset shares: drawing frames, geometry, the sample."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray
from torch.utils.data import Dataset

from vantage3d.checks import check_choice, check_positive
from vantage3d.process.seeding import SeededIndex, sample_seed, seeded
from vantage3d.views.augmentation_vggt import Augmentation
from vantage3d.views.batch import Sample, assemble
from vantage3d.views.frame import BadSampleError, Frame, check_frame
from vantage3d.views.selection import FrameSampling, even_windows
from vantage3d.views.transform import ViewGeometry, target_size

SPLITS = ("train", "val", "test")


class MultiViewDataset(Dataset):
    """Base of the datasets: a subclass lists sequences and reads frames.

    A subclass sets its own attributes, calls this constructor, and implements
    :meth:`load_sequences` (called once, by this constructor) and :meth:`read_frame`.

    An index is a number, or ``(number, frames, aspect)`` from a dynamic sampler. In
    training, sample ``number`` has an anchor frame and others drawn around it;
    everything random is drawn from the seed that the sampler sends along. In test mode
    samples are windows of neighbouring frames, the same ones every time.

    Args:
        data_root: Folder of the data.
        split: ``train``, ``val`` or ``test``.
        frames: Frames per sample.
        image_size: Width of the images in pixels.
        aspect: Height / width; heights are whole patches.
        patch_size: Of the network.
        length: Samples per epoch; every frame as anchor once if not given.
        sampling: Arguments of :class:`FrameSampling`.
        augmentation: Arguments of :class:`Augmentation`; None for none.
        class_weights: Weight of the pixels of a semantic class; 1 for other classes.
        min_valid: Valid pixels that the anchor must have (see :meth:`interest`).
        max_draws: Draws until a sample must be good, in training; 1 makes the first
            bad one an error, more skip it with a warning.
        test_mode: Fixed windows, no augmentation.
        stride: Of the windows; as many as ``frames`` if not given.
        points: Whether samples have ``cam_points`` and ``world_points``. Without them
            a worker makes and sends half as much, and losses compute them.

    Raises:
        ValueError: If an argument is out of range or there is no frame.
    """

    METAINFO: dict[str, Any] = {}
    sparse_depth = False

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        frames: int = 8,
        image_size: int = 518,
        aspect: float = 0.33,
        patch_size: int = 14,
        length: int | None = None,
        sampling: Mapping[str, Any] | None = None,
        augmentation: Mapping[str, Any] | None = None,
        class_weights: Mapping[int, float] | None = None,
        min_valid: int = 0,
        max_draws: int = 1,
        test_mode: bool = False,
        stride: int | None = None,
        points: bool = True,
    ) -> None:
        check_choice("split", split, SPLITS)
        for name, value in (("frames", frames), ("max_draws", max_draws)):
            check_positive(name, value)
        self.data_root, self.split, self.test_mode = data_root, split, test_mode
        self.frames, self.aspect = frames, aspect
        self.image_size, self.patch_size = image_size, patch_size
        target_size(image_size, aspect, patch_size)
        self.sampling = FrameSampling(**(sampling or {}))
        self.augmentation = None
        if augmentation is not None and not test_mode:
            self.augmentation = Augmentation(**augmentation)
        self.class_weights = dict(class_weights or {})
        self.min_valid, self.max_draws, self.points = min_valid, max_draws, points
        self.rejected = 0
        self.sequences = {k: list(v) for k, v in self.load_sequences().items() if v}
        if not self.sequences:
            raise ValueError(
                f"{type(self).__name__} found no frame of split {split!r} in "
                f"{data_root}. Check the folder and the split against data/README.md."
            )
        lengths = {name: len(ids) for name, ids in self.sequences.items()}
        self.anchors = [(name, at) for name, n in lengths.items() for at in range(n)]
        self.windows = even_windows(lengths, frames, stride or frames)
        self.length = length or len(self.anchors)
        if test_mode:
            self.length = min(length or len(self.windows), len(self.windows))
            if not self.windows:
                raise ValueError(
                    f"no window of {frames} frames in split {split!r}: the longest of "
                    f"{len(lengths)} sequences has {max(lengths.values())}. Use fewer "
                    "`frames`, or convert more of the data."
                )

    def load_sequences(self) -> Mapping[str, Sequence[int]]:
        """Frame numbers of every sequence of the split, in order."""
        raise NotImplementedError

    def read_frame(self, sequence: str, number: int) -> Frame:
        """One frame as it is stored, at its own size.

        Raises:
            BadSampleError: If the frame cannot be used.
        """
        raise NotImplementedError

    def read_view(
        self, sequence: str, number: int, geometry: ViewGeometry, zoom: float
    ) -> Frame:
        """One frame at the network's size.

        Raises:
            BadSampleError: If the frame cannot be used.
        """
        frame = self.read_frame(sequence, number)
        check_frame(frame, f"{sequence}/{number}")
        return geometry(frame, zoom)

    def building_ratio(self, sequence: str, number: int) -> float | None:
        """Share of ``building`` in the view of a frame; None without labels."""
        return None

    def index_facts(self) -> Iterator[Any]:
        """What the index says, frame by frame, as JSON: tells two data apart."""
        for name, numbers in self.sequences.items():
            yield [name, *(int(number) for number in numbers)]

    def draw_anchor(self, index: int, rng: np.random.Generator) -> tuple[str, int]:
        """Sequence and position of the anchor of training sample ``index``."""
        return self.anchors[index % len(self.anchors)]

    def interest(self, frame: Frame) -> NDArray[np.bool_]:
        """(H, W) where valid depth counts for ``min_valid``; everywhere."""
        return np.ones(frame.depth.shape, bool)

    def pixel_weights(self, frame: Frame) -> NDArray[np.float32]:
        """(H, W) weight of each pixel in the losses, from ``class_weights``."""
        weights = np.ones(frame.depth.shape, np.float32)
        if frame.semantics is None or not self.class_weights:
            return weights
        table = np.ones(1 + max(self.class_weights) + 1, np.float32)
        table[list(self.class_weights)] = list(self.class_weights.values())
        # Unknown (-1) and classes beyond the table take its last entry, 1.
        return np.take(table, np.minimum(frame.semantics, len(table) - 1), mode="wrap")

    @property
    def metainfo(self) -> dict[str, Any]:
        """What the class says about its data."""
        return {"dataset": type(self).__name__, **self.METAINFO}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int | tuple[int, int, float]) -> Sample:
        number, frames, aspect = self.frames, self.frames, self.aspect
        if isinstance(index, tuple):
            number, frames, aspect = index
        else:
            number = index
        if not 0 <= number < len(self):
            raise IndexError(f"sample {number} of {len(self)}")
        if self.test_mode:
            return self._fixed(int(number))
        known = isinstance(number, SeededIndex)
        with seeded(number.seed) if known else nullcontext():
            rng = np.random.default_rng(np.random.randint(0, 2**31, 4))
        return self._drawn(int(number), frames, aspect, rng)

    def _fixed(self, number: int) -> Sample:
        at = number * len(self.windows) // self.length  # evenly over all windows
        sequence, positions = self.windows[at]
        rng = np.random.default_rng(sample_seed(0, 0, number))
        return self._sample(sequence, positions, self.aspect, rng)

    def _drawn(
        self, number: int, frames: int, aspect: float, rng: np.random.Generator
    ) -> Sample:
        for draw in range(self.max_draws):
            try:
                sequence, anchor = self.draw_anchor(number, rng)
                length = len(self.sequences[sequence])
                positions = self.sampling.draw(length, anchor, frames, rng)
                return self._sample(sequence, positions, aspect, rng)
            except BadSampleError as error:
                self._reject(error, draw + 1)
                number = int(rng.integers(len(self.anchors)))
        raise AssertionError("unreachable: the last draw raises")

    def _reject(self, error: BadSampleError, draws: int) -> None:
        """Count a bad draw, say so at 1, 2, 4, ...; raise after the last one."""
        self.rejected += 1
        if draws == self.max_draws:
            tried = f" (after {draws} draws)" if draws > 1 else ""
            raise BadSampleError(f"{error}{tried}") from error
        if self.rejected & (self.rejected - 1) == 0:
            text = f"{type(self).__name__}: {self.rejected} bad draws so far; {error}"
            print_log(text, logger="current", level=logging.WARNING)

    def _sample(
        self,
        sequence: str,
        positions: NDArray[np.int64],
        aspect: float,
        rng: np.random.Generator,
    ) -> Sample:
        size = target_size(self.image_size, aspect, self.patch_size)
        geometry = ViewGeometry(*size, sparse_depth=self.sparse_depth)
        zoom = self.augmentation.draw_zoom(rng) if self.augmentation else 1.0
        ids = [self.sequences[sequence][position] for position in positions]
        views = [self.read_view(sequence, number, geometry, zoom) for number in ids]
        self._check_anchor(views[0], f"{sequence}/{ids[0]}")
        weights = np.stack([self.pixel_weights(view) for view in views])
        if self.augmentation:
            images = self.augmentation.colours([view.image for view in views], rng)
            views = [v._replace(image=image) for v, image in zip(views, images)]
        name = type(self).__name__
        return assemble(views, ids, sequence, name, weights, self.points)

    def _check_anchor(self, view: Frame, name: str) -> None:
        valid = int(np.count_nonzero((view.depth > 0) & self.interest(view)))
        if valid < self.min_valid:
            raise BadSampleError(
                f"frame {name} has {valid} valid pixels in the region of interest, "
                f"expected at least {self.min_valid}. Lower `min_valid`, or allow "
                "more `max_draws`."
            )
