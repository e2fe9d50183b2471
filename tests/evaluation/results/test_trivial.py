"""Trivial rows flag what is below them, and cannot win the skill."""

from pathlib import Path

import pytest

from vantage3d.evaluation.results.run import Model, Run, Stat
from vantage3d.evaluation.results.score import best, rank
from vantage3d.evaluation.results.trivial import SKILL, beaten_by, flags, skill

DELTA1, ABS_REL, NORMALS, PHOTOMETRIC = SKILL
TRUTH = "photometric_truth.building.inlier_ratio"
PLANAR = "planarity.building.inlier_ratio"


def model(name: str, delta1, abs_rel, normals, photometric, planar=0.5) -> Model:
    values = dict(
        zip((*SKILL, PLANAR), (delta1, abs_rel, normals, photometric, planar))
    )
    stats = {metric: Stat(value) for metric, value in {**values, TRUTH: 0.8}.items()}
    return Model(name, stats, Path("absent"))


CONSTANT = model("trivial_constant", 0.30, 0.50, 0.10, 0.40, 1.0)
MEDIAN = model("trivial_median_map", 0.50, 0.40, 0.05, 0.60, 0.3)
PERFECT = model("perfect", 1.0, 0.0, 1.0, 0.8)
GOOD = model("checkpoint_1", 0.75, 0.20, 0.55, 0.70)
POOR = model("checkpoint_2", 0.40, 0.45, 0.10, 0.50)


def run(*models: Model) -> Run:
    return Run(Path(), models, trivial=(CONSTANT, MEDIAN))


def test_no_trivial_row_has_skill_and_the_truth_has_all():
    one = run(PERFECT, GOOD, POOR)
    assert skill(one, PERFECT) == pytest.approx(1)
    assert all(skill(one, row) < 0 for row in one.trivial)
    halfway = (0.30 * 0.5 + 0.20 * 0.5 + 0.20 * 0.5 + 0.15 * 0.5) / 0.85
    assert skill(one, GOOD) == pytest.approx(halfway)
    assert skill(one, POOR) < 0


def test_what_nobody_can_gain_above_a_trivial_row_takes_no_part():
    still = model("trivial_constant", 0.30, 0.50, 0.10, 0.80)
    one = Run(Path(), (PERFECT,), trivial=(still, MEDIAN))
    assert skill(one, PERFECT) == pytest.approx(1)
    assert skill(one, still) < 0


def test_skill_ranks_where_there_are_trivial_rows():
    flat = model("checkpoint_3", 0.45, 0.42, 0.08, 0.62, planar=1.0)
    assert best(run(POOR, flat, GOOD)).model is GOOD
    assert rank(run(POOR, flat))[1] == "skill"
    assert rank(Run(Path(), (POOR, GOOD)))[1] != "skill"


def test_models_below_a_row_are_named_with_the_metric_and_the_row():
    one = run(GOOD, POOR)
    assert beaten_by(one, POOR, DELTA1) == "trivial_median_map"
    assert beaten_by(one, GOOD, DELTA1) == ""
    assert beaten_by(one, POOR, NORMALS) == ""  # the same is not below
    found = flags(one, [DELTA1, ABS_REL, PLANAR])
    assert found == {
        "checkpoint_2": "checkpoint_2 is below trivial_median_map in building delta1, "
        "building AbsRel"
    }  # one plane is perfectly planar, which says nothing of a model
