"""What becomes of true instances and predictions, on scenes of known overlaps."""

import numpy as np
import pytest

from vantage3d.evaluation.instance_diagnostics import diagnose
from vantage3d.evaluation.instance_overlaps import scene_overlaps, scene_truth

SIZE = 100


def scene(*masks, instances=4):
    """True instances of 100 points side by side, then 400 points without any.

    Args:
        *masks: Of points, (first, last), best first.
        instances: How many are true.
    """
    true = np.append(np.repeat(np.arange(instances), SIZE), np.full(400, -1))
    at = np.arange(len(true))
    said = np.array([(at >= a) & (at < b) for a, b in masks], bool)
    said = said.reshape(-1, len(true))
    truth = scene_truth(np.minimum(true, 0), true)
    n = len(said)
    return scene_overlaps(truth, said, np.zeros(n, int), np.linspace(1, 0.5, n))


def test_the_truth_has_no_faults():
    found = diagnose([scene((0, 100), (100, 200), (200, 300), (300, 400))])
    assert {found[f"oracle@{k}"] for k in (20, 30, 50, 100)} == {1}
    for name in ("untouched", "stuck", "hit_twice", "unmatched", "impure"):
        assert found[name] == 0
    assert found["rank_median"] == 1.5


def test_each_fault_is_named():
    """Found and cut in two, merged, out of place, and missed."""
    cut = scene((0, 50), (0, 100), (100, 300))
    found = diagnose([cut], min_region=50)
    assert found["hit_twice"] == 1 / 4
    assert found["stuck"] == 0  # half of the merged one is exactly enough
    assert found["untouched"] == 1 / 4
    assert found["unmatched"] == 0 and found["impure"] == 1 / 3
    assert found["rank_median"] == 2  # of ranks 1, 2 and 2
    off = diagnose([scene((60, 160))])
    assert off["stuck"] == 2 / 4 and off["unmatched"] == off["impure"] == 1


def test_only_the_best_predictions_are_in_the_budget():
    parts = [(0, 100)] * 25 + [(300, 400)]
    found = diagnose([scene(*parts)])
    assert found["oracle@20"] == 1 / 4 and found["oracle@30"] == 2 / 4


def test_what_shows_nothing_labelled_or_is_small_takes_no_part():
    alone = diagnose([scene((0, 100))])
    more = diagnose([scene((0, 100), (400, 600), (100, 150))], min_region=60)
    assert more == alone


def test_scenes_are_pooled_and_nothing_is_nan():
    both = diagnose([scene((0, 100), instances=1), scene(instances=3)])
    assert both["untouched"] == 3 / 4 and both["unmatched"] == 0
    empty = diagnose([])
    assert all(np.isnan(value) for value in empty.values())
    assert diagnose([scene(instances=2)])["untouched"] == pytest.approx(1)
