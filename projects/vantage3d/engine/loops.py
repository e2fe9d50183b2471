"""Train loops that can start anywhere: in an epoch, between epochs, before validation.

They carry MMEngine's names on purpose: within the scope ``vantage3d`` every config
gets them. Each completed iteration, epoch and validation ends in the runner's
``safe_point``, where due checkpoints are written after all hooks have run. Their
batches are seeded indices, whose position can be set without loading anything.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from mmengine.dataset import ClassBalancedDataset as ClassBalanced
from mmengine.dataset import InfiniteSampler
from mmengine.runner import EpochBasedTrainLoop as _EpochBasedTrainLoop
from mmengine.runner import IterBasedTrainLoop as _IterBasedTrainLoop
from mmengine.runner.base_loop import BaseLoop
from mmengine.runner.utils import calc_dynamic_intervals
from torch.utils.data import BatchSampler, Sampler

from vantage3d.engine.errors import CheckpointError, ConfigError
from vantage3d.process.seeding import SeededIndex, sample_seed
from vantage3d.registry import DATA_SAMPLERS, DATASETS, LOOPS


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


class _Position:
    """Where a loop stands beyond its counters.

    With ``val_begin=0`` a run also validates before its first step.

    ``validated``: the validation that belongs to the last completed epoch or iteration
    has run, if one was due.
    """

    runner: Any
    dataloader: Any
    val_begin: int
    val_interval: int
    _epoch: int
    _iter: int
    batch: int = 0  # batches done in the current epoch
    validated: bool = True

    def state_dict(self) -> dict[str, Any]:
        """The position, as plain data."""
        return {
            "batch": self.batch,
            "validated": self.validated,
            "batches": len(self.dataloader),
            "seed": self._sampler.seed,
        }

    def load_state_dict(
        self, state: dict[str, Any], epoch: int, iteration: int
    ) -> None:
        """Go to a position.

        Raises:
            CheckpointError: If it lies within an epoch and epochs have become longer
                or shorter since.
        """
        self._sampler.reseed(state["seed"])  # on which the number of batches may depend
        batches = len(self.dataloader)
        if state["batch"] and state["batches"] != batches:
            raise CheckpointError(
                f"the checkpoint was saved after batch {state['batch']} of "
                f"{state['batches']}, now an epoch has {batches}: data, batch size or "
                "number of processes changed. Undo that, or resume from a checkpoint "
                "of the end of an epoch"
            )
        self._epoch, self._iter = epoch, iteration
        self.batch, self.validated = state["batch"], state["validated"]

    @property
    def _sampler(self) -> SeededBatchSampler:
        sampler = self.dataloader.batch_sampler
        if not isinstance(sampler, SeededBatchSampler):
            raise ConfigError(
                "`train_dataloader` must be a dict, so that the runner can put a "
                f"SeededBatchSampler into it; found a loader with {type(sampler)}"
            )
        return sampler

    def _validate(self, done: int, last: int) -> None:
        """Run the validation that belongs to step ``done`` of ``last``, if due."""
        due = (
            self.runner.val_loop is not None
            and done >= self.val_begin
            and (done % self.val_interval == 0 or done == last)
        )
        if due and not self.validated:
            self.runner.restore_random_states()
            self.runner.run_validation()
            self.validated = True
            self.runner.safe_point()
        self.validated = True


@LOOPS.register_module()
class EpochBasedTrainLoop(_Position, _EpochBasedTrainLoop):
    """MMEngine's loop over epochs, able to start at any batch."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.validated = self.val_begin > 0

    def run(self) -> Any:
        """Train until the last epoch."""
        self.runner.call_hook("before_train")
        with self.runner.interruptible():
            self._decide_current_val_interval()
            self._validate(self._epoch, self._max_epochs)
            while self._epoch < self._max_epochs and not self.stop_training:
                self.run_epoch()
                self._decide_current_val_interval()
                self._validate(self._epoch, self._max_epochs)
        self.runner.call_hook("after_train")
        return self.runner.model

    def run_epoch(self) -> None:
        """Do what is left of the current epoch."""
        if self.batch == 0:
            self.runner.restore_random_states()
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        self._sampler.start_at(self._epoch, self.batch)
        batches = iter(self.dataloader)
        self.runner.restore_random_states()
        for index, data_batch in enumerate(batches, start=self.batch):
            self.runner.stop_point()
            with self.runner.naming_samples(data_batch):
                self.run_iter(index, data_batch)
            self.batch = index + 1
            self.runner.safe_point()
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1
        self.batch = 0
        self.validated = False
        self.runner.safe_point()


@LOOPS.register_module()
class IterBasedTrainLoop(_Position, _IterBasedTrainLoop):
    """MMEngine's loop over iterations, able to start at any of them."""

    def __init__(
        self,
        runner: Any,
        dataloader: Any,
        max_iters: int,
        val_begin: int = 1,
        val_interval: int = 1000,
        dynamic_intervals: list[tuple[int, int]] | None = None,
    ) -> None:
        # Not MMEngine's: it would start loading before the position is known.
        BaseLoop.__init__(self, runner, dataloader)
        self._max_iters, self._max_epochs = int(max_iters), 1
        self._epoch = self._iter = 0
        self.val_begin, self.val_interval = val_begin, val_interval
        self.stop_training = False
        self.validated = val_begin > 0
        metainfo = getattr(self.dataloader.dataset, "metainfo", None)
        self.runner.visualizer.dataset_meta = metainfo
        self.dynamic_milestones, self.dynamic_intervals = calc_dynamic_intervals(
            val_interval, dynamic_intervals
        )

    def run(self) -> Any:
        """Train until the last iteration."""
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        with self.runner.interruptible():
            self.runner.restore_random_states()
            self._decide_current_val_interval()
            self._validate(self._iter, self._max_iters)
            batches = self._endless_batches()
            while self._iter < self._max_iters and not self.stop_training:
                self.runner.model.train()
                data_batch = next(batches)
                self.runner.stop_point()
                with self.runner.naming_samples(data_batch):
                    self.run_iter(data_batch)
                self._decide_current_val_interval()
                self.validated = False
                self.runner.safe_point()
                self._validate(self._iter, self._max_iters)
            self.runner.call_hook("after_train_epoch")
            self.runner.safe_point()
        self.runner.call_hook("after_train")
        return self.runner.model

    def _endless_batches(self) -> Iterator[Any]:
        epoch, batch = 0, self._iter
        if not self._sampler.endless:
            epoch, batch = divmod(self._iter, len(self.dataloader))
        while True:
            self._sampler.start_at(epoch, batch)
            yield from self.dataloader
            epoch, batch = epoch + 1, 0
