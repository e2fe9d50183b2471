"""Batches of seeded indices whose position can be set without loading anything."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from mmengine.dataset import InfiniteSampler
from torch.utils.data import BatchSampler, Sampler

from projects.common.datasets.seeded import SeededIndex, sample_seed
from projects.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class SeededBatchSampler(Sampler):
    """Gives every index of another sampler its own seed; can start anywhere.

    The runner puts it around the samplers of every data loader. The seed of a sample
    depends on the run's seed, the epoch and the index: neither the workers nor the
    place where a run resumed change it. An endless sampler counts an epoch each time
    it has gone through the data.

    Args:
        sampler: Yields indices.
        batch_size: Samples in a batch.
        seed: The run's seed.
        drop_last: Leave out a last batch that is smaller.
        grouping: Config of a batch sampler to use instead of plain counting.
    """

    def __init__(
        self,
        sampler: Sampler,
        batch_size: int,
        seed: int,
        drop_last: bool = False,
        grouping: dict[str, Any] | None = None,
    ) -> None:
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.seed = seed
        self.endless = isinstance(sampler, InfiniteSampler)
        self._epoch = 0
        self._first_batch = 0
        if grouping is None:
            self._batches: Any = BatchSampler(sampler, batch_size, drop_last)
        else:
            self._batches = DATA_SAMPLERS.build(
                grouping, default_args={"sampler": sampler, "batch_size": batch_size}
            )

    def start_at(self, epoch: int, batch: int) -> None:
        """Let the next iteration begin with ``batch`` of ``epoch``."""
        self._epoch = epoch
        self._first_batch = batch
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(epoch)

    def reseed(self, seed: int) -> None:
        """Draw as a run with ``seed`` draws; only before the first iteration."""
        self.seed = seed
        if hasattr(self.sampler, "seed"):
            self.sampler.seed = seed

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[SeededIndex]]:
        first, self._first_batch = self._first_batch, 0
        drawn = first * self.batch_size
        for batch in islice(self._batches, first, None):
            yield [
                SeededIndex(index, self._seed(index, drawn + place))
                for place, index in enumerate(batch)
            ]
            drawn += len(batch)

    def _seed(self, index: int, drawn: int) -> int:
        epoch = self._epoch
        if isinstance(self.sampler, InfiniteSampler):
            world = self.sampler.world_size
            epoch = (self.sampler.rank + drawn * world) // self.sampler.size
        return sample_seed(self.seed, epoch, index)
