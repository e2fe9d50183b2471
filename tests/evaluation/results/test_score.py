"""The score against hand-computed values, and the paired intervals."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.evaluation.results.folder import write_csv
from vantage3d.evaluation.results.run import Model, Run, Stat
from vantage3d.evaluation.results.score import (
    NO_CLIP,
    REFERENCE,
    SCORE_METRICS,
    Scoring,
    best,
    cluster_sums,
    gain_intervals,
    gains,
    paired_interval,
    rank,
    score,
    scoring,
    subject,
)


def model(name: str, *values: float) -> Model:
    """Of delta1, AbsRel, normals, planarity, photometric."""
    stats = {metric: Stat(value) for metric, value in zip(SCORE_METRICS, values)}
    return Model(name, stats, Path("absent"))


# Published numbers of the reference project, rounded as it printed them.
BASELINE = model("baseline", 0.4030, 1.7214, 0.122, 0.141, 0.650)
ALL = Scoring()
BEST = model("checkpoint_34", 0.4375, 0.6107, 0.158, 0.200, 0.498)


def test_reference_formula_gives_the_published_scores():
    assert score(BASELINE, REFERENCE, ALL) == pytest.approx(0.2640, abs=1e-4)
    assert score(BEST, REFERENCE, ALL) == pytest.approx(0.3455, abs=1e-4)


def test_published_gain_is_nearly_all_clip():
    parts = gains(BEST, BASELINE, REFERENCE, ALL)
    assert parts["AbsRel"] == pytest.approx(0.20 * (1 - 0.6107))  # 0.0779 of 0.0815
    assert sum(parts.values()) == pytest.approx(0.0815, abs=1e-4)
    assert parts["photometric"] == pytest.approx(0.15 * (0.498 - 0.650))


def test_without_clip_by_hand():
    # 0.30 * 0.5 + 0.20 / 1.25 + 0.20 * 0.4 + 0.15 * 0.2 + 0.15 * 0.6
    one = model("checkpoint_1", 0.5, 0.25, 0.4, 0.2, 0.6)
    assert score(one, NO_CLIP, ALL) == pytest.approx(0.15 + 0.16 + 0.08 + 0.03 + 0.09)
    assert score(one, REFERENCE, ALL) == pytest.approx(0.15 + 0.15 + 0.08 + 0.03 + 0.09)


@pytest.mark.parametrize("formula", [REFERENCE, NO_CLIP])
def test_perfect_model_scores_one(formula):
    perfect = model("checkpoint_1", 1, 0, 1, 1, 1)
    assert score(perfect, formula, ALL) == pytest.approx(1)


def test_only_the_reference_formula_is_blind_above_its_clip():
    bad, worse = (model("baseline", 0.4, error, 0.1, 0.1, 0.6) for error in (1.5, 9.0))
    assert score(bad, REFERENCE, ALL) == score(worse, REFERENCE, ALL)
    assert score(bad, NO_CLIP, ALL) > score(worse, NO_CLIP, ALL)


def test_best_is_by_the_score_without_clip():
    steady = model("checkpoint_1", 0.50, 0.30, 0.1, 0.1, 0.6)
    other = model("checkpoint_2", 0.55, 0.30, 0.1, 0.1, 0.6)
    merged = model("merged_checkpoint_2", 0.60, 0.30, 0.1, 0.1, 0.6)
    run = Run(Path(), (BASELINE, steady, other, merged))
    assert best(run) == (other, "comprehensive score, without clip")


def test_score_without_a_component_is_scaled_to_one():
    """Weights 0.30, 0.20, 0.20, 0.15 of what is left, over their sum 0.85."""
    one = model("checkpoint_1", 0.5, 0.25, 0.4, 0.2)
    by = scoring(Run(Path(), (BASELINE, one)))
    assert by.name == "partial score (no photometric)"
    assert score(one, NO_CLIP, by) == pytest.approx((0.15 + 0.16 + 0.08 + 0.03) / 0.85)
    perfect = model("checkpoint_1", 1, 0, 1, 1)
    assert score(perfect, REFERENCE, by) == pytest.approx(1)


def test_one_model_without_a_component_does_not_remove_it():
    broken = model("checkpoint_2", 0.5, 0.25, 0.4, 0.2, np.nan)
    run = Run(Path(), (BASELINE, BEST, broken))
    assert scoring(run) == Scoring()
    assert np.isnan(score(broken, NO_CLIP, ALL))
    assert rank(run)[0] == [BEST]


def test_without_abs_rel_delta1_decides():
    first = model("checkpoint_1", 0.50)
    second = model("checkpoint_2", 0.40)
    unknown = model("checkpoint_3")
    run = Run(Path(), (model("baseline", 0.3), second, first, unknown))
    assert scoring(run) is None
    assert rank(run) == ([first, second], "depth.building.delta1")


def test_baseline_alone_is_the_subject():
    run = Run(Path(), (BASELINE,))
    assert best(run) is None
    assert subject(run) is BASELINE


def tables(folder: Path, values: np.ndarray, drives: int = 0) -> Model:
    """A model whose frames.csv has (W, F) ``values`` of every metric but the last.

    Windows are of ``drives`` drives in turn, 0 for one each.

    The last metric is one of windows, as in real folders.
    """
    folder.mkdir(parents=True)
    windows, frames = values.shape
    ids = [f"w{i}" for i in range(windows)]
    drive = [f"s{i % (drives or windows)}" for i in range(windows)]
    numbers = np.arange(values.size).reshape(values.shape)
    texts = [" ".join(map(str, row)) for row in numbers]
    names = {"sequence": drive, "bucket": ["rich"] * windows, "frames": texts}
    write_csv(
        folder / "windows.csv",
        {"id": ids, **names, SCORE_METRICS[-1]: values.mean(1).tolist()},
    )
    write_csv(
        folder / "frames.csv",
        {
            "window": np.repeat(ids, frames),
            "sequence": np.repeat(drive, frames),
            "frame": range(values.size),
            **dict.fromkeys(SCORE_METRICS[:-1], values.ravel().tolist()),
        },
    )
    return Model(folder.name, {}, folder)


def test_sums_of_clusters_skip_what_was_not_measured(tmp_path):
    values = np.array([[0.2, 0.4], [np.nan, 0.5], [0.1, np.nan], [np.nan, np.nan]])
    one = tables(tmp_path / "m", values, drives=2)
    names, totals, counts, frames = cluster_sums(one, SCORE_METRICS[:1])
    assert names == ["s0", "s1"] and frames == 6
    np.testing.assert_allclose(totals, [[0.7], [0.5]])
    np.testing.assert_allclose(counts, [[3], [1]])


def test_windows_of_a_drive_are_no_new_evidence(tmp_path):
    """Five windows of each of six drives are six differences."""
    gain = np.array([-0.04, 0.48, -0.05, 0.64, 0.09, 0.47])
    values = np.random.default_rng(0).uniform(0.1, 0.3, (30, 2))
    before = tables(tmp_path / "a", values, drives=6)
    after = tables(tmp_path / "b", values + np.tile(gain, 5)[:, None], drives=6)
    found = paired_interval(after, before, SCORE_METRICS[0])
    expected = stats.t.interval(0.95, 5, gain.mean(), stats.sem(gain))
    assert found[:2] == pytest.approx(expected, rel=1e-9)
    assert found.basis == "6 clusters (few), 60 frames" and found.holds_zero


def test_interval_of_a_constant_gain_is_the_gain(tmp_path):
    """Windows differ much, the models by 0.1 everywhere: pairing leaves no doubt."""
    values = np.random.default_rng(0).uniform(0.1, 0.6, (20, 3))
    before = tables(tmp_path / "baseline", values)
    after = tables(tmp_path / "checkpoint_1", values + 0.1)
    intervals = gain_intervals(after, before, NO_CLIP, ALL)
    assert intervals["delta1"] == pytest.approx((0.03, 0.03, 20, 60))
    assert intervals["photometric"] == pytest.approx((0.015, 0.015, 20, 60))
    assert intervals["AbsRel"].high < 0  # a larger error costs


def test_interval_of_no_gain_holds_zero(tmp_path):
    rng = np.random.default_rng(1)
    values = rng.uniform(0.2, 0.4, (30, 2))
    noise = rng.normal(0, 0.02, values.shape)
    before = tables(tmp_path / "baseline", values)
    after = tables(tmp_path / "checkpoint_1", values + noise - noise.mean())
    assert gain_intervals(after, before, NO_CLIP, ALL)["total"].holds_zero


def test_one_cluster_has_no_interval(tmp_path):
    some = np.full((4, 2), 0.3)
    models = [tables(tmp_path / name, some, drives=1) for name in "ab"]
    found = gain_intervals(*models, NO_CLIP, ALL)["total"]
    assert np.isnan(found.low) and found.basis == "1 cluster (few), 8 frames"
