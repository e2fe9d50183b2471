"""Samples that depend on the run's seed, the epoch and their index, nothing else.

The number of workers, the order of loading and the iteration at which a run was resumed
leave no trace in a sample: the sampler sends each index together with a seed, and the
dataset seeds every generator from it while it loads that one sample.
"""

import random
from collections.abc import Iterator, MutableSequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


class SeededIndex(int):
    """Index of a sample that carries the seed of its augmentation.

    Sums, differences and remainders keep the seed, so that wrappers which shift an
    index (concatenated, repeated, sliced datasets) pass it on.

    The batch may want a ``shape`` of the sample besides: frames and aspect; None for
    what the dataset itself says.
    """

    seed: int  # of everything random in the sample
    shape: tuple[int, float] | None
    asked: int  # the index that the sampler sent, before wrappers shifted it

    def __new__(
        cls,
        index: int,
        seed: int,
        shape: tuple[int, float] | None = None,
        asked: int | None = None,
    ) -> "SeededIndex":
        self = super().__new__(cls, index)
        self.seed, self.shape = seed, shape
        self.asked = int(index) if asked is None else asked
        return self

    def __getnewargs__(self) -> tuple:  # type: ignore[override]
        return int(self), self.seed, self.shape, self.asked

    def at(self, index: int) -> "SeededIndex":
        """Another index with the same seed and shape."""
        return SeededIndex(index, self.seed, self.shape, self.asked)

    def __add__(self, other: int) -> "SeededIndex":
        return self.at(int(self) + other)

    def __sub__(self, other: int) -> "SeededIndex":
        return self.at(int(self) - other)

    def __mod__(self, other: int) -> "SeededIndex":
        return self.at(int(self) % other)


def sample_seed(seed: int, epoch: int, index: int) -> int:
    """Well mixed 32 bit seed of sample ``index`` in ``epoch`` of a run."""
    return int(np.random.SeedSequence((seed, epoch, index)).generate_state(1)[0])


def random_states(cuda: bool = False) -> dict[str, Any]:
    """States of the generators of ``random``, ``numpy.random`` and torch.

    Args:
        cuda: Also of CUDA's generators, if CUDA is in use.
    """
    states = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
    }
    if cuda and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def set_random_states(states: dict[str, Any]) -> None:
    """Put back what :func:`random_states` returned."""
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"])
    if "cuda" in states:
        torch.cuda.set_rng_state_all(states["cuda"])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the CPU generators inside the block and leave them untouched after it."""
    before = random_states()
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        set_random_states(before)


IDLE = -1
_at_work: tuple[MutableSequence[int], int] | None = None  # and this worker's place


def tell_samples(at_work: MutableSequence[int], place: int) -> None:
    """Let this process write into ``at_work[place]`` which sample it loads, or IDLE.

    In memory that another process shares: who is killed can tell nothing any more.
    """
    global _at_work
    _at_work = at_work, place
    _say_at_work(IDLE)


def _say_at_work(index: int) -> None:
    if _at_work is not None:
        samples, place = _at_work
        samples[place] = index


class SeededSamples:
    """Mixin: ``class MyDataset(SeededSamples, Det3DDataset)``.

    An index without a seed, as in ``dataset[3]``, is loaded with the generators as
    they are.
    """

    def __getitem__(self, index: int) -> Any:
        if not isinstance(index, SeededIndex):
            return super().__getitem__(index)  # type: ignore[misc]
        _say_at_work(index.asked)
        try:
            with seeded(index.seed):
                return super().__getitem__(index)  # type: ignore[misc]
        finally:
            _say_at_work(IDLE)
