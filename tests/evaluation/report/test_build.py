"""The report as a whole: page, summary, tables, and what is missing in all of them."""

import base64
import csv
import re
import runpy

import pytest

from tests.evaluation.results.folder import write_folder
from tests.shared import ROOT
from vantage3d.evaluation.report import build, build_report, figures
from vantage3d.evaluation.report.build import anchor
from vantage3d.evaluation.report.findings import findings, top_k
from vantage3d.evaluation.results.run import Model, Run, Stat, read_run
from vantage3d.evaluation.results.score import SCORE_METRICS

TOOL = ROOT / "tools/visualize_depth_metrics.py"
DRAWN = [
    "01_main_depth_metrics", "02_building_vs_nonbuilding", "03_geometry_quality",
    "05_radar_comparison", "06_training_stability", "07_comprehensive_score",
]  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "DPI", 25)
        root = tmp_path_factory.mktemp("report")
        folder = write_folder(
            root / "out", 4, windows=4, without=("photometric", "pose")
        )
        yield build_report(folder, root / "report", top=2)


def test_page_holds_every_figure(report):
    page = report.page.read_text()
    assert {f"{name}.png" for name in DRAWN} <= set(report.figures)
    for name in report.figures:
        png = (report.page.parent / name).read_bytes()
        assert png.startswith(b"\x89PNG")
        assert base64.b64encode(png).decode() in page
    assert page.count("<figure>") == page.count("<figcaption>") == len(report.figures)


def test_page_works_offline(report):
    page = report.page.read_text()
    assert "://" not in page
    assert not re.search(r"<(script|link|iframe)|@import|url\(", page)
    sources = re.findall(r'src="([^"]{0,22})', page)
    assert set(sources) == {"data:image/png;base64,"}


def test_every_link_of_the_contents_leads_somewhere(report):
    page = report.page.read_text()
    targets = re.findall(r'href="#([^"]+)"', page)
    ids = re.findall(r'id="([^"]+)"', page)
    assert set(targets) <= set(ids)
    assert len(ids) == len(set(ids))
    assert {anchor(name) for name in DRAWN} <= set(targets)


def test_missing_columns_are_named_everywhere(report):
    column = "photometric.building.inlier_ratio"
    summary = (report.page.parent / "evaluation_summary.txt").read_text()
    undrawn = "04_pose_errors.png was not drawn: none of its columns holds a number"
    for text in (report.page.read_text(), summary, "\n".join(report.notes)):
        assert {column, "pose.ate_rot_deg"} <= set(
            re.findall(r"[a-z0-9_.]*[a-z0-9]", text)
        )
        assert undrawn in text
    partial = "The score is a partial score (no photometric)"
    assert f"{partial}: {column} missing, the other weights scaled" in summary


def test_notes_reach_the_log(tmp_path, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(build, "print_log", lambda text, logger: told.append(text))
    monkeypatch.setattr(figures, "KINDS", ())
    folder = write_folder(tmp_path / "out", 1, baseline=False, windows=3)
    build_report(folder, tmp_path / "report")
    assert "out: no row is named 'baseline'" in told[0]


def test_old_figures_go(tmp_path, monkeypatch):
    kinds = [k for k in figures.KINDS if k.file.startswith("11")]
    monkeypatch.setattr(figures, "KINDS", kinds)
    output = tmp_path / "report"
    full = build_report(write_folder(tmp_path / "a", 1, windows=3), output)
    assert full.figures == ("11_photometric_curve.png",)
    folder = write_folder(tmp_path / "b", 1, windows=3, without=("photometric",))
    assert build_report(folder, output).figures == ()
    assert not (output / "11_photometric_curve.png").exists()


def test_top_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="`top` must be positive, got 0"):
        build_report(write_folder(tmp_path / "out", 1, windows=3), tmp_path, top=0)


def test_terms_of_the_table_sum_to_the_scores(tmp_path):
    run = read_run(write_folder(tmp_path / "out", 3, windows=4))
    rows = top_k(run, 2)
    assert [row[:2] for row in rows.body] == [
        ["1", "checkpoint_3"], ["2", "checkpoint_2"], ["", "baseline"],
    ]  # fmt: skip
    for row in rows.body:
        known = dict(zip(rows.header, row))
        shared = sum(float(known[n]) for n in (
            "delta1", "normals within 30°", "planarity", "photometric"))  # fmt: skip
        for formula in ("reference formula", "without clip"):
            total = shared + float(known[f"AbsRel, {formula}"])
            assert total == pytest.approx(float(known[f"score, {formula}"]), abs=4e-4)


def test_top_table_is_written_as_csv(report):
    with open(report.page.parent / "top_checkpoints.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == [
        "checkpoint_4", "checkpoint_3", "baseline",
    ]  # fmt: skip


def published(name: str, *values: float) -> Model:
    stats = {metric: Stat(value) for metric, value in zip(SCORE_METRICS, values)}
    return Model(name, stats, ROOT / "absent")


def test_findings_say_that_the_clip_moved_the_published_score():
    models = (
        published("baseline", 0.4030, 1.7214, 0.122, 0.141, 0.650),
        published("checkpoint_34", 0.4375, 0.6107, 0.158, 0.200, 0.498),
    )
    text = "\n".join(findings(Run(ROOT, models)))
    assert "reference formula: 0.2640 -> 0.3454, +0.0815 (+30.9 %)" in text
    assert "AbsRel moved it most: delta1 +0.0103, AbsRel +0.0779" in text
    assert "AbsRel on buildings, 1.721, lies beyond the clip" in text
    assert "of the reference gain, +0.0779 is from that term" in text
    assert "which the formulas treat differently: +0.0036" in text
    assert (
        "disagree: delta1, AbsRel, normals within 30°, planarity better, photo" in text
    )


def test_findings_say_when_nothing_was_gained():
    models = (
        published("baseline", 0.5, 0.3, 0.2, 0.2, 0.6),
        published("checkpoint_1", 0.4, 0.4, 0.2, 0.2, 0.6),
    )
    text = "\n".join(findings(Run(ROOT, models)))
    assert "No checkpoint beats the baseline" in text
    assert "building AbsRel: 0.3 -> 0.4 (+33.3 %, worse)" in text


def test_findings_name_the_best_by_single_metrics():
    models = (
        published("baseline", 0.5, 0.3, 0.2, 0.2, 0.6),
        published("checkpoint_1", 0.7, 0.4, 0.2, 0.2, 0.6),
        published("checkpoint_2", 0.6, 0.2, 0.2, 0.2, 0.6),
    )
    text = "\n".join(findings(Run(ROOT, models)))
    assert "checkpoint_2 by building AbsRel; checkpoint_1 by building delta1" in text


def test_findings_count_nan_pixels():
    baseline = published("baseline", 0.5, 0.3, 0.2, 0.2, 0.6)
    broken = published("checkpoint_1", 0.5, 0.2, 0.2, 0.2, 0.6)
    broken.stats["count.nan_pixels"] = Stat(12345.0)
    text = "\n".join(findings(Run(ROOT, (baseline, broken))))
    assert "checkpoint_1 has 12,345 pixels whose depth is not finite" in text


def test_tool_refuses_an_empty_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["visualize_depth_metrics.py", str(tmp_path)])
    with pytest.raises(SystemExit, match=f"{tmp_path.name} is empty") as stop:
        runpy.run_path(
            str(ROOT / "tools/visualize_depth_metrics.py"), run_name="__main__"
        )
    assert stop.value.code == 2
    assert "is empty. Expected metrics_overall.csv" in capsys.readouterr().err
