"""Batches of seeded indices whose position can be set without loading anything."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from mmengine.dataset import ClassBalancedDataset as ClassBalanced
from mmengine.dataset import InfiniteSampler
from torch.utils.data import BatchSampler, Sampler

from vantage3d.process.seeding import SeededIndex, sample_seed
from vantage3d.registry import DATA_SAMPLERS, DATASETS


@DATA_SAMPLERS.register_module()
class SeededBatchSampler(Sampler):
    """Gives every index of another sampler its own seed; can start anywhere.

    The runner puts it around the samplers of every data loader. The seed of a sample
    depends on the run's seed, the epoch and the index: neither the workers nor the
    place where a run resumed change it. An endless sampler counts an epoch each time
    it has gone through the data.

    A grouping may yield tuples of an index and what the batch wants of the sample
    besides: the index gets the seed and the rest as its ``shape``. One that draws has
    ``begin(seed, epoch)``, which tells it what to draw from.

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
        self.sampler, self.seed = sampler, seed
        self.batch_size, self.drop_last = batch_size, drop_last
        self.endless = isinstance(sampler, InfiniteSampler)
        self._epoch = self._first_batch = 0
        if grouping is None:
            self._batches: Any = BatchSampler(sampler, batch_size, drop_last)
        else:
            self._batches = DATA_SAMPLERS.build(
                grouping, default_args={"sampler": sampler, "batch_size": batch_size}
            )
        self._begin()

    def start_at(self, epoch: int, batch: int) -> None:
        """Let the next iteration begin with ``batch`` of ``epoch``."""
        self._epoch, self._first_batch = epoch, batch
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(epoch)
        self._begin()

    def reseed(self, seed: int) -> None:
        """Draw as a run with ``seed`` draws; only before the first iteration."""
        self.seed = seed
        if hasattr(self.sampler, "seed"):
            self.sampler.seed = seed
        self._begin()

    def _begin(self) -> None:
        if hasattr(self._batches, "begin"):
            self._batches.begin(self.seed, self._epoch)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[Any]]:
        first, self._first_batch = self._first_batch, 0
        batches = iter(self._batches)
        drawn = sum(len(batch) for batch in islice(batches, first))
        for batch in batches:
            yield [self._seeded(item, drawn + at) for at, item in enumerate(batch)]
            drawn += len(batch)

    def _seeded(self, item: Any, drawn: int) -> SeededIndex:
        index, *shape = item if isinstance(item, tuple) else (item,)
        epoch = self._epoch
        if isinstance(self.sampler, InfiniteSampler):
            world = self.sampler.world_size
            epoch = (self.sampler.rank + drawn * world) // self.sampler.size
        seed = sample_seed(self.seed, epoch, index)
        return SeededIndex(index, seed, tuple(shape) or None)


@DATASETS.register_module()
class ClassBalancedDataset(ClassBalanced):
    """MMEngine's, which would lose the seeds of the indices.

    ``ConcatDataset`` and ``RepeatDataset`` keep them as they are, see
    :class:`SeededIndex`.
    """

    def _get_ori_dataset_idx(self, idx: int) -> int:
        found = super()._get_ori_dataset_idx(idx)
        return idx.at(found) if isinstance(idx, SeededIndex) else found
