"""Batches whose number of frames and aspect change, alike in every process."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from mmengine.dataset import InfiniteSampler
from torch.utils.data import Sampler

from vantage3d.checks import check_positive
from vantage3d.registry import DATA_SAMPLERS

Shape = tuple[int, int, float]  # samples of a batch, frames of each, height / width


@DATA_SAMPLERS.register_module()
class DynamicBatchSampler(Sampler):
    """Draws frames and aspect of each batch; few frames make many samples.

    What is drawn depends on the run's seed and the epoch, never on the process, so
    all processes have the same load. No sample is dropped: the batches of an epoch are
    drawn once for the seed, the last one cut to what is left, and each epoch goes
    through them in an order of its own. So every epoch has the same number of batches,
    which schedules rely on. An endless sampler draws on and on.

    In a config::

        train_dataloader = dict(
            batch_size=8,
            batch_sampler=dict(type="DynamicBatchSampler", frames=(2, 24)),
        )

    Args:
        sampler: Yields the indices of this process.
        batch_size: Most samples in a batch.
        frames: Least and most frames of a sample, both included.
        aspects: Least and most height / width; drawn to two digits.
        max_images: Most images in a batch, unless one sample alone has more.

    Raises:
        ValueError: If a range is empty or not positive.
    """

    def __init__(
        self,
        sampler: Sampler,
        batch_size: int,
        frames: Sequence[int] = (2, 24),
        aspects: Sequence[float] = (0.33, 1.0),
        max_images: int = 48,
    ) -> None:
        for name, (least, most) in (("frames", frames), ("aspects", aspects)):
            if not 0 < least <= most:
                raise ValueError(
                    f"`{name}` must be (least, most), both positive, got "
                    f"({least}, {most})."
                )
        check_positive("max_images", max_images)
        self.sampler = sampler
        self.batch_size, self.max_images = batch_size, max_images
        self.frames, self.aspects = tuple(frames), tuple(aspects)
        self.begin(seed=0, epoch=0)

    def begin(self, seed: int, epoch: int) -> None:
        """Let the next pass be that of ``epoch`` in a run with ``seed``."""
        self.seed, self.epoch = seed, epoch

    def __len__(self) -> int:
        return len(self._epoch_shapes())

    def __iter__(self) -> Iterator[list[tuple[int, int, float]]]:
        shapes: Iterable[Shape] = self._draws()
        if not isinstance(self.sampler, InfiniteSampler):
            rng = np.random.default_rng((self.seed, self.epoch))
            drawn = self._epoch_shapes()
            shapes = [drawn[place] for place in rng.permutation(len(drawn))]
        indices = iter(self.sampler)
        for samples, *shape in shapes:
            yield [(next(indices), *shape) for _ in range(samples)]

    def _epoch_shapes(self) -> list[Shape]:
        """Shapes of an epoch's batches; their samples add up to the sampler's."""
        shapes: list[Shape] = []
        left = len(self.sampler)  # type: ignore[arg-type]
        for samples, *shape in self._draws():
            if left == 0:
                break
            shapes.append((min(samples, left), *shape))
            left -= shapes[-1][0]
        return shapes

    def _draws(self) -> Iterator[Shape]:
        rng = np.random.default_rng(self.seed)
        while True:
            frames = int(rng.integers(self.frames[0], self.frames[1] + 1))
            aspect = round(float(rng.uniform(*self.aspects)), 2)
            samples = min(self.batch_size, max(1, self.max_images // frames))
            yield samples, frames, aspect
