"""What the figures show, read from their artists, and when they are not drawn."""

import numpy as np
import pytest
from matplotlib.collections import FillBetweenPolyCollection

from tests.evaluation.results.folder import THRESHOLDS, write_folder
from vantage3d.evaluation.report import figures
from vantage3d.evaluation.report.breakdown import (
    alignment_ablation,
    class_names,
    per_scene,
    photometric_curve,
    photometric_thresholds,
    used_threshold,
)
from vantage3d.evaluation.report.cost_figures import front_members
from vantage3d.evaluation.report.depth_figures import building_errors, main_depth
from vantage3d.evaluation.report.figures import KINDS, draw_all
from vantage3d.evaluation.report.findings import headlines
from vantage3d.evaluation.report.plotting import CannotDrawError, positions
from vantage3d.evaluation.report.score_figures import (
    comprehensive_score,
    contributions,
    improvement,
    radar,
    rolling_variation,
    training_stability,
)
from vantage3d.evaluation.results.run import Model, Run, read_run
from vantage3d.evaluation.results.score import REFERENCE, Scoring, gains, score

ABS_REL = "depth.building.abs_rel"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("six") / "out"
    return read_run(write_folder(folder, 6, merged=True))


@pytest.fixture
def _coarse(monkeypatch):
    """Few pixels: what is drawn is the same, and it is fast."""
    monkeypatch.setattr(figures, "DPI", 25)


def heights(axes, label: str | None = None) -> list[np.ndarray]:
    lines = axes.get_lines()
    return [np.asarray(x.get_ydata()) for x in lines if label in (None, x.get_label())]


def means(run: Run, metric: str) -> list[float]:
    return [m.mean(metric) for m in run.checkpoints if not m.merged]


def shows(curves: list[np.ndarray], values) -> bool:
    return any(len(c) == len(values) and np.allclose(c, values) for c in curves)


def test_curves_are_the_means_and_dashes_the_baseline(run):
    axes = main_depth(run).axes[0]
    drawn = heights(axes)
    assert shows(drawn, means(run, ABS_REL))
    assert shows(drawn, [run.baseline.mean(ABS_REL)] * 2)
    assert shows(drawn, [run.models[-1].mean(ABS_REL)])  # merged, by itself


def test_bands_are_the_confidence_intervals(run):
    axes = main_depth(run).axes[0]
    bands = [c for c in axes.collections if isinstance(c, FillBetweenPolyCollection)]
    stats = [m.stats[ABS_REL] for m in run.checkpoints if not m.merged]
    drawn = bands[0].get_paths()[0].vertices[:, 1]
    assert drawn.min() == pytest.approx(min(stat.low for stat in stats))
    assert drawn.max() == pytest.approx(max(stat.high for stat in stats))


def test_axes_name_units_and_direction(run):
    texts = [axes.get_ylabel() for figure in (main_depth(run),) for axes in figure.axes]
    assert texts == ["AbsRel\n(lower is better)", "delta1\n(higher is better)"]
    figure = next(k for k in KINDS if k.file.startswith("02")).draw(run)
    assert figure.axes[2].get_ylabel() == "RMSE in m\n(lower is better)"


def test_panels_without_data_are_left_out(tmp_path):
    folder = write_folder(tmp_path / "out", 2, without=("depth.building.delta1",))
    run = read_run(folder)
    assert len(main_depth(run).axes[1].get_lines()) == 2  # full, and its baseline
    folder = write_folder(tmp_path / "b", 2, without=("planarity",), windows=3)
    geometry = next(k for k in KINDS if k.file.startswith("03"))
    titles = [a.get_title(loc="left") for a in geometry.draw(read_run(folder)).axes]
    assert titles == [
        "Error of normals, buildings",
        "Share with a good normal, buildings",
    ]


def test_score_figure_shows_both_formulas_and_the_best(run):
    axes = comprehensive_score(run).axes[0]
    values = [score(m, REFERENCE, Scoring()) for m in run.checkpoints if not m.merged]
    assert shows(heights(axes), values)
    assert shows(heights(axes), [score(run.baseline, REFERENCE, Scoring())] * 2)
    assert shows(heights(axes), [max(values)])


def test_contribution_bars_are_the_gains(run):
    bars = [patch.get_width() for patch in contributions(run).axes[0].patches]
    wanted = gains(run.models[6], run.baseline, REFERENCE, Scoring())
    assert bars[:5] == pytest.approx(list(wanted.values()))
    assert bars[5] == pytest.approx(sum(wanted.values()))


def test_radar_axes_do_not_depend_on_other_models(run):
    """The worst model of the reference's radar was 0 on every inverted axis."""
    alone = Run(run.folder, (run.models[0], run.models[6]))
    drawn = [heights(radar(r).axes[0], "baseline")[0] for r in (run, alone)]
    np.testing.assert_array_equal(*drawn)
    assert drawn[0][1] == pytest.approx(1 / (1 + run.baseline.mean(ABS_REL)))


def test_front_is_the_best_where_costs_are_noise(run):
    front = front_members(run, "performance.latency_p50_ms", "depth.building.delta1")
    best = max(model.mean("depth.building.delta1") for model in run.models)
    names = [m.name for m, member in zip(run.models, front) if member]
    assert all(m.mean("depth.building.delta1") == best for m in run.models
               if m.name in names)  # fmt: skip
    assert names == ["checkpoint_6", "merged_checkpoint_6"]


def test_ablation_shows_every_alignment(run):
    axes = alignment_ablation(run).axes[0]
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    wanted = [run.baseline.mean(f"ablation.{n}.building.abs_rel") for n in names]
    assert len(names) == 6
    assert shows(heights(axes), wanted)
    bold = [
        t.get_text() for t in axes.get_xticklabels() if t.get_fontweight() == "bold"
    ]
    assert bold == ["median"]


def test_photometric_curve_states_the_used_threshold(run):
    thresholds = photometric_thresholds(run)
    assert tuple(thresholds.values()) == THRESHOLDS
    assert used_threshold(run, thresholds) == 0.05
    axes = photometric_curve(run).axes[0]
    assert shows(heights(axes), [run.baseline.mean(name) for name in thresholds])
    assert [text.get_text() for text in axes.texts] == ["threshold of the score: 0.05"]


def test_unknown_threshold_is_not_stated(tmp_path):
    folder = write_folder(
        tmp_path / "out", 1, windows=3, without=("photometric.building.inlier_ratio",)
    )
    run = read_run(folder)
    assert used_threshold(run, photometric_thresholds(run)) is None
    assert not photometric_curve(run).axes[0].texts


def test_histogram_counts_every_frame(run):
    top = building_errors(run).axes[0]
    filled = [p for p in top.patches if p.get_fill()]
    assert [int(p.get_data().values.sum()) for p in filled] == [48, 48]


def test_scenes_are_means_over_their_windows(run):
    axes = per_scene(run).axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert "sequence street_0003, 4 windows" in names
    assert "bucket rich, 6 windows" in names
    points = [line.get_xdata() for line in axes.get_lines()]
    rows = [i for i, name in enumerate(names) if name.startswith("sequence")]
    # Sequences have as many frames each, so their mean is that of all frames.
    for values, model in zip(points, (run.baseline, run.models[6])):
        assert np.mean(values[rows]) == pytest.approx(model.mean(ABS_REL))


def test_classes_come_from_the_columns(run):
    assert class_names(run) == ["building", "car", "fence", "road", "vegetation"]


def test_rolling_variation_by_hand():
    # 1, 3: mean 2, standard deviation 1; 3, 3: 0.
    values = rolling_variation(np.array([1.0, 3.0, 3.0]), 2)
    np.testing.assert_allclose(values, [50, 0])


def test_improvement_is_positive_where_it_is_better():
    values = np.array([0.5, 1.5])
    np.testing.assert_allclose(improvement(values, 1.0, True), [-50, 50])
    np.testing.assert_allclose(improvement(values, 1.0, False), [50, -50])


def test_zoom_is_around_the_best(tmp_path):
    run = read_run(write_folder(tmp_path / "out", 20, windows=3))
    figure = training_stability(run)
    whole, zoom = figure.axes[:2]
    assert whole.get_xlim()[1] - whole.get_xlim()[0] > 19
    assert zoom.get_xlim()[1] - zoom.get_xlim()[0] == 10


@pytest.mark.parametrize(
    ("names", "numbered"),
    [
        (["checkpoint_3", "checkpoint_10"], True),
        (["checkpoint_3", "checkpoint_10", "merged_checkpoint_10"], True),
        (["run_a_1", "run_b_1"], False),
        (["checkpoint_1", "other"], False),
    ],
)
def test_places_are_numbers_where_every_name_has_its_own(names, numbered):
    models = tuple(Model(name, {}, None) for name in ("baseline", *names))
    places = positions(Run(None, models))
    assert places.numbered is numbered
    x = [*places.x, *places.merged_x]
    assert x == ([m.step for m in models[1:]] if numbered else list(range(len(names))))


def undrawn(run: Run) -> dict[str, str]:
    """Reasons of the figures that are not drawn, without rendering the others."""
    reasons = {}
    for kind in KINDS:
        try:
            kind.draw(run)
        except CannotDrawError as reason:
            reasons[kind.file] = str(reason)
    return reasons


@pytest.mark.parametrize("count", [1, 2, 50])
def test_all_figures_of_any_number_of_checkpoints(tmp_path, count):
    few = f"needs 3 checkpoints, has {count}"
    expected = {"06_training_stability": few} if count < 3 else {}
    run = read_run(write_folder(tmp_path / "out", count, windows=4))
    assert undrawn(run) == expected


@pytest.mark.usefixtures("_coarse")
def test_figures_of_one_checkpoint_are_rendered(tmp_path):
    run = read_run(write_folder(tmp_path / "out", 1, windows=4))
    missing = [d.kind.file for d in draw_all(run) if d.png is None]
    assert missing == ["06_training_stability"]


@pytest.mark.usefixtures("_coarse")
def test_figures_follow_the_data(tmp_path):
    runs = [
        read_run(write_folder(tmp_path / str(s), 3, windows=4, seed=s)) for s in (0, 1)
    ]
    one, other = (list(draw_all(run)) for run in runs)
    assert [a.kind.file for a, b in zip(one, other) if a.png == b.png] == []
    assert next(draw_all(runs[0])).png == one[0].png


def test_without_baseline_only_contributions_are_missing(tmp_path):
    folder = write_folder(tmp_path / "out", 3, baseline=False, windows=4)
    run = read_run(folder)
    assert undrawn(run) == {
        "08_score_contributions": "needs the baseline and a checkpoint"
    }
    assert not any(
        line.get_linestyle() == "--" for line in main_depth(run).axes[0].lines
    )


def test_baseline_alone_is_drawn_as_the_only_model(tmp_path):
    run = read_run(write_folder(tmp_path / "out", 0, windows=4))
    assert undrawn(run) == {
        "06_training_stability": "needs 3 checkpoints, has 1",
        "08_score_contributions": "needs the baseline and a checkpoint",
    }
    assert any("nothing to compare it with" in note for note in run.notes)
    axes = main_depth(run).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["baseline"]
    assert shows(heights(axes), [run.baseline.mean(ABS_REL)])


@pytest.mark.parametrize(
    ("without", "file", "reason"),
    [
        (
            ("photometric",),
            "11_photometric",
            "two columns `photometric.building.inlier",
        ),
        (("ablation",), "10_alignment", "needs columns `ablation.<alignment>"),
        (("depth.class",), "14_per_class", "needs columns `depth.class.<class>"),
        (("performance",), "09_pareto", "needs a quality and a latency or memory"),
        (("pose",), "04_pose", "none of its columns holds a number"),
        (("normals", "planarity"), "03_geometry", "none of its columns holds a number"),
        (
            ("depth.building.delta1",),
            "07_comprehensive",
            "needs AbsRel and delta1",
        ),
        (
            ("depth.building.delta1",),
            "08_score",
            "needs AbsRel and delta1 of buildings",
        ),
        (("depth.building", "normals", "pose"), "05_radar", "needs 3 of its columns"),
    ],
)
def test_figure_without_its_columns_says_so(tmp_path, without, file, reason):
    run = read_run(write_folder(tmp_path / "out", 3, without=without, windows=3))
    kind = next(kind for kind in KINDS if kind.file.startswith(file))
    with pytest.raises(CannotDrawError, match=reason):
        kind.draw(run)


def test_run_without_buildings_shows_all_pixels(tmp_path):
    buildings = (
        "depth.building", "depth.non", "depth.class", "ablation.none.building",
        "normals.building", "planarity.building", "photometric.building",
    )  # fmt: skip
    run = read_run(write_folder(tmp_path / "out", 3, without=buildings, windows=4))
    assert any("buildings were not measured" in note for note in run.notes)
    figure = next(k for k in KINDS if k.file.startswith("03")).draw(run)
    assert shows(heights(figure.axes[0]), means(run, "normals.full.angular_mean"))
    assert figure.axes[0].get_title(loc="left") == "Error of normals, all pixels"
    assert building_errors(run).axes[0].get_title(loc="left").endswith("all pixels")
    assert "building" not in " ".join(headlines(run))


def test_figures_without_files_say_so(tmp_path):
    folder = write_folder(tmp_path / "out", 2, windows=3)
    for path in [*folder.glob("models/*/*.csv"), *folder.glob("models/*/*.npz")]:
        path.unlink()
    run = read_run(folder)
    for file, reason in {
        "12": f"needs `{ABS_REL}` in models/checkpoint_2/frames.csv",
        "13": "examples.npz", "15": "needs windows.csv",
        "16": "examples.npz",
    }.items():  # fmt: skip
        kind = next(kind for kind in KINDS if kind.file.startswith(file))
        with pytest.raises(CannotDrawError, match=reason):
            kind.draw(run)
    assert contributions(run).axes[0].get_legend().get_texts()[-1].get_text() == (
        "without clip"  # no intervals without windows.csv
    )


def test_perfect_depth_has_no_distribution(tmp_path):
    folder = write_folder(tmp_path / "out", 1, windows=3)
    for path in folder.glob("models/*/frames.csv"):
        path.write_text(f"window,sequence,frame,{ABS_REL}\nw000,street,0,0\n")
    with pytest.raises(CannotDrawError, match=f"every `{ABS_REL}` is 0"):
        building_errors(read_run(folder))


def test_scenes_without_a_column_say_so(tmp_path):
    folder = write_folder(tmp_path / "out", 1, windows=3)
    for path in folder.glob("models/*/windows.csv"):
        path.write_text("id,sequence,bucket,frames\nw0,street,rich,0\n")
    with pytest.raises(CannotDrawError, match=f"needs {ABS_REL}, .* in windows.csv"):
        per_scene(read_run(folder))


def test_examples_without_an_array_are_refused(tmp_path):
    folder = write_folder(tmp_path / "out", 1, windows=3)
    np.savez(folder / "models/baseline/examples.npz", names=np.array(["a"]))
    kind = next(kind for kind in KINDS if kind.file.startswith("13"))
    with pytest.raises(ValueError, match=r"There is no item named 'images\.npy'"):
        kind.draw(read_run(folder))
