"""The score against hand-computed values, and the paired intervals."""

from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.results.folder import write_csv
from vantage3d.evaluation.results.run import Model, Run, Stat
from vantage3d.evaluation.results.score import (
    NO_CLIP,
    REFERENCE,
    SCORE_METRICS,
    Scoring,
    best,
    gain_intervals,
    gains,
    rank,
    score,
    scoring,
    subject,
    window_sums,
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


def tables(folder: Path, values: np.ndarray) -> Model:
    """A model whose frames.csv has (W, F) ``values`` of every metric but the last.

    The last metric is one of windows, as in real folders.
    """
    folder.mkdir(parents=True)
    windows, frames = values.shape
    ids = [f"w{i}" for i in range(windows)]
    names = {"sequence": ["s"] * windows, "bucket": ["rich"] * windows}
    write_csv(
        folder / "windows.csv",
        {"id": ids, **names, SCORE_METRICS[-1]: values.mean(1).tolist()},
    )
    write_csv(
        folder / "frames.csv",
        {
            "window": np.repeat(ids, frames),
            "sequence": ["s"] * values.size,
            "frame": range(values.size),
            **dict.fromkeys(SCORE_METRICS[:-1], values.ravel().tolist()),
        },
    )
    return Model(folder.name, {}, folder)


def test_window_sums_skip_what_was_not_measured(tmp_path):
    values = np.array([[0.2, 0.4], [np.nan, 0.5]])
    totals, counts = window_sums(tables(tmp_path / "m", values), SCORE_METRICS[:1])
    np.testing.assert_allclose(totals, [[0.6], [0.5]])
    np.testing.assert_allclose(counts, [[2], [1]])


def test_interval_of_a_constant_gain_is_the_gain(tmp_path):
    """Windows differ much, the models by 0.1 everywhere: pairing leaves no doubt."""
    values = np.random.default_rng(0).uniform(0.1, 0.6, (20, 3))
    before = tables(tmp_path / "baseline", values)
    after = tables(tmp_path / "checkpoint_1", values + 0.1)
    intervals = gain_intervals(after, before, NO_CLIP, ALL)
    assert intervals["delta1"] == pytest.approx((0.03, 0.03))
    assert intervals["photometric"] == pytest.approx((0.015, 0.015))
    assert intervals["AbsRel"].high < 0  # a larger error costs


def test_interval_of_no_gain_holds_zero(tmp_path):
    rng = np.random.default_rng(1)
    values = rng.uniform(0.2, 0.4, (30, 2))
    noise = rng.normal(0, 0.02, values.shape)
    before = tables(tmp_path / "baseline", values)
    after = tables(tmp_path / "checkpoint_1", values + noise - noise.mean())
    assert gain_intervals(after, before, NO_CLIP, ALL)["total"].holds_zero


def test_one_window_has_no_interval(tmp_path):
    models = [tables(tmp_path / name, np.full((1, 2), 0.3)) for name in "ab"]
    assert gain_intervals(*models, NO_CLIP, ALL) is None
