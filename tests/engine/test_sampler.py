"""Seeds of samples, and starting anywhere without loading."""

import pickle
import random
from itertools import islice

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler

from vantage3d.engine import SeededBatchSampler, Vantage3DRunner
from vantage3d.process.seeding import SeededIndex, SeededSamples, sample_seed, seeded


def flat(batches):
    return [(int(i), i.seed) for batch in batches for i in batch]


@pytest.mark.parametrize("start", [0, 1, 3])
@pytest.mark.parametrize("epoch", [0, 5])
def test_starting_late_equals_dropping_batches(start, epoch):
    def sampler():
        return SeededBatchSampler(DefaultSampler(range(10), seed=1), 3, seed=7)

    whole, late = sampler(), sampler()
    whole.start_at(epoch, 0)
    late.start_at(epoch, start)
    assert flat(late) == flat(list(whole)[start:])
    assert len(late) == 4
    # The start holds for one epoch.
    late.start_at(epoch + 1, 0)
    assert len(list(late)) == 4


def test_seed_of_a_sample_depends_on_run_epoch_and_index_only():
    def seeds(batch_size, epoch, seed):
        sampler = SeededBatchSampler(
            DefaultSampler(range(10), seed=seed), batch_size, seed=seed
        )
        sampler.start_at(epoch, 0)
        return dict(flat(sampler))

    assert seeds(1, 2, 7) == seeds(4, 2, 7)
    assert seeds(4, 2, 7)[3] == sample_seed(7, 2, 3)
    values = [v for e in range(3) for s in range(3) for v in seeds(5, e, s).values()]
    assert len(set(values)) == 90


def test_endless_sampler_counts_epochs():
    sampler = SeededBatchSampler(InfiniteSampler(range(6), seed=3), 4, seed=3)
    drawn = flat(islice(sampler, 6))
    assert drawn == [
        (index, sample_seed(3, place // 6, index))
        for place, (index, _) in enumerate(drawn)
    ]
    late = SeededBatchSampler(InfiniteSampler(range(6), seed=3), 4, seed=3)
    late.start_at(0, 4)
    assert flat(islice(late, 2)) == drawn[16:]


def test_seeded_index_is_an_index_that_travels():
    index = SeededIndex(7, 11)
    for other, value in (
        (pickle.loads(pickle.dumps(index)), 7),
        (index % 4, 3),
        (index - 2, 5),
        (index + 2, 9),
    ):
        assert (int(other), other.seed) == (value, 11)
    assert list(range(10))[index] == 7


class Drawing:
    def __getitem__(self, index):
        assert isinstance(index, int)
        return random.random(), np.random.rand(), torch.rand(()).item()


class Seeded(SeededSamples, Drawing):
    pass


def test_samples_draw_from_their_seed_and_leave_no_trace():
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    one = Seeded()[SeededIndex(3, 5)]
    assert one == Seeded()[SeededIndex(4, 5)] != Seeded()[SeededIndex(3, 6)]
    assert random.getstate() == before[0]
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert torch.equal(torch.get_rng_state(), before[2])


def test_generators_come_back_after_an_error():
    def draw_and_fail():
        with seeded(3):
            torch.rand(3)
            raise KeyError

    before = torch.get_rng_state()
    with pytest.raises(KeyError):
        draw_and_fail()
    assert torch.equal(torch.get_rng_state(), before)


loaded = []


class Recorded(list):
    def __getitem__(self, index):
        loaded.append(int(index))
        return super().__getitem__(index)


def test_skipped_batches_are_not_loaded():
    data = Recorded(range(12))
    loader = Vantage3DRunner.build_dataloader(
        {
            "dataset": data,
            "batch_size": 4,
            "sampler": {"type": "DefaultSampler", "shuffle": False},
            "num_workers": 0,
        },
        seed=0,
    )
    loader.batch_sampler.start_at(0, 2)
    assert len(list(loader)) == 1
    assert loaded == [8, 9, 10, 11]


def test_iterating_a_loader_leaves_the_generator_alone():
    loader = Vantage3DRunner.build_dataloader(
        {
            "dataset": list(range(4)),
            "batch_size": 2,
            "sampler": {"type": "DefaultSampler"},
            "drop_last": True,
            "num_workers": 0,
        },
        seed=0,
    )
    before = torch.get_rng_state()
    list(loader)
    assert torch.equal(torch.get_rng_state(), before)


def test_grouping_batch_sampler_is_kept():
    grouping = {"type": "torch.utils.data.BatchSampler", "drop_last": True}
    sampler = SeededBatchSampler(
        DefaultSampler(range(10), seed=1), 4, seed=0, grouping=grouping
    )
    assert [len(batch) for batch in sampler] == [4, 4]
