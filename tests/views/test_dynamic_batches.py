"""Dynamic batches: nothing is dropped, every process draws alike."""

from collections import Counter

import pytest
from mmengine.dataset import DefaultSampler, InfiniteSampler

from vantage3d.engine.loops import SeededBatchSampler
from vantage3d.views.dynamic_batches import DynamicBatchSampler

ARGUMENTS = dict(frames=(2, 6), aspects=(0.33, 1.0), max_images=12)


def sampler_of(rank, monkeypatch, samples=101, endless=False):
    kind = InfiniteSampler if endless else DefaultSampler
    monkeypatch.setattr(f"{kind.__module__}.get_dist_info", lambda: (rank, 2))
    return kind(range(samples), shuffle=True, seed=3)


def seeded(rank, monkeypatch, seed=3, **options):
    return SeededBatchSampler(
        sampler_of(rank, monkeypatch, **options),
        batch_size=8,
        seed=seed,
        grouping={"type": "DynamicBatchSampler", **ARGUMENTS},
    )


def shapes(batches):
    return [(len(batch), *batch[0].shape) for batch in batches]


def test_both_processes_draw_alike_and_no_sample_is_dropped(monkeypatch):
    for epoch in range(3):
        passes = []
        for rank in range(2):
            sampler = seeded(rank, monkeypatch)
            sampler.start_at(epoch, 0)
            passes.append(list(sampler))
            assert len(sampler) == len(passes[-1])
        assert shapes(passes[0]) == shapes(passes[1])
        seen = Counter(int(item) for p in passes for batch in p for item in batch)
        assert set(seen) == set(range(101))
        assert seen.total() == 102  # 101 samples do not divide by two processes


def test_batches_hold_as_many_samples_as_the_images_allow(monkeypatch):
    drawn = list(seeded(0, monkeypatch, samples=4000))
    full = shapes(drawn)
    frames = {frames for _, frames, _ in full}
    assert frames == {2, 3, 4, 5, 6}
    short = [s for s in full if s[0] != {2: 6, 3: 4, 4: 3, 5: 2, 6: 2}[s[1]]]
    assert len(short) <= 1  # the one cut to what was left
    aspects = {aspect for _, _, aspect in full}
    assert len(aspects) > 50
    assert min(aspects) >= 0.33
    assert max(aspects) <= 1.0


def test_epochs_have_equal_numbers_of_batches_in_another_order(monkeypatch):
    sampler = seeded(0, monkeypatch)
    orders = []
    for epoch in range(4):
        sampler.start_at(epoch, 0)
        orders.append(shapes(sampler))
    assert len({tuple(order) for order in orders}) == 4
    assert len({tuple(sorted(order)) for order in orders}) == 1


@pytest.mark.parametrize("endless", [False, True])
@pytest.mark.parametrize("first", [0, 1, 7])
def test_it_can_start_at_any_batch(monkeypatch, first, endless):
    def batches(begin):
        sampler = seeded(1, monkeypatch, endless=endless)
        sampler.start_at(0 if endless else 2, begin)
        drawn = iter(sampler)
        return [next(drawn) for _ in range(9 - begin)]

    whole, rest = batches(0)[first:], batches(first)
    assert whole == rest
    drawn = [[(item.seed, item.shape) for item in batch] for batch in whole]
    assert drawn == [[(item.seed, item.shape) for item in batch] for batch in rest]


def test_an_endless_sampler_reseeds_a_sample_in_each_round(monkeypatch):
    sampler = iter(seeded(0, monkeypatch, samples=10, endless=True))
    seeds = {}
    for _ in range(30):
        for index in next(sampler):
            seeds.setdefault(int(index), []).append(index.seed)
    for drawn in seeds.values():  # a round is of both processes, and 10 do not divide
        assert len(set(drawn)) >= len(drawn) - 1


@pytest.mark.parametrize(
    ("name", "value"), [("frames", (4, 2)), ("aspects", (0.0, 1.0))]
)
def test_a_wrong_range_is_named(name, value):
    with pytest.raises(ValueError, match=rf"`{name}` must be .* got \({value[0]}"):
        DynamicBatchSampler(range(3), 1, **{**ARGUMENTS, name: value})


def test_no_images_are_named():
    with pytest.raises(ValueError, match=r"max_images.*0"):
        DynamicBatchSampler(range(3), 1, **{**ARGUMENTS, "max_images": 0})
