"""Comparison of two result folders, and selection within one."""

import json
import shutil

import numpy as np
import pytest

from tools import compare_depth_runs
from tools import select_checkpoint as tool
from vantage3d.evaluation.results.compare import compare_runs
from vantage3d.evaluation.results.folder import ResultFolder
from vantage3d.evaluation.results.score import select_checkpoint
from vantage3d.process.command import CommandError

METRIC = "depth.full.abs_rel"


@pytest.fixture
def other(evaluated, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(evaluated, tmp_path / "other")
    return tmp_path / "other"


def set_metadata(folder, **changes):
    path = folder / "metadata.json"
    content = json.loads(path.read_text())
    del content["crc32"]
    path.write_text(json.dumps({**content, **changes}))


def set_performance(folder, **by_name):
    """Give models a latency and a memory, as a GPU would."""
    results = ResultFolder(folder)
    for name, (latency, memory) in by_name.items():
        path = results.model(name) / "metrics.json"
        content = json.loads(path.read_text())
        for key, value in (("latency_p95_ms", latency), ("vram_mb", memory)):
            content[f"performance.{key}"] = {"mean": value, "count": 1}
        content.pop("crc32", None)
        path.write_text(json.dumps(content))
    results.write_overall()


def test_a_run_beside_itself_differs_nowhere(evaluated):
    found = compare_runs((evaluated, evaluated))
    assert found.absolute
    column = found.table.header.index("B - A")
    values = [row[column] for row in found.table.body if row[column]]
    assert values and all(v == "+0.0000 1c/7f few" for v in values)


def test_gains_are_against_the_runs_own_baseline(evaluated):
    names = "checkpoint_2", "checkpoint_10"
    found = compare_runs((evaluated, evaluated), names, [METRIC])
    row = dict(zip(found.table.header, found.table.body[0]))
    folder = ResultFolder(evaluated)
    base, a, b = (folder.metrics(name)[METRIC]["mean"] for name in ("baseline", *names))
    assert row["A gain"].startswith(f"{a - base:+.4f} 1c/7f few")
    assert row["B gain"].startswith(f"{b - base:+.4f} 1c/7f few")
    assert row["B - A"].startswith(f"{b - a:+.4f} 1c/7f few")
    assert "A is checkpoint_2" in found.notes[0]


def test_other_windows_are_refused_or_compared_relatively(evaluated, other):
    set_metadata(other, windows_hash="0" * 64, windows=12)
    with pytest.raises(ValueError, match=r"different windows: .*12 windows.*000000"):
        compare_runs((evaluated, other))
    found = compare_runs((evaluated, other), relative=True)
    assert not found.absolute and "B - A" not in found.table.header
    assert any("must not be compared" in note for note in found.notes)


@pytest.mark.parametrize("relative", [False, True])
def test_other_alignments_are_refused_always(evaluated, other, relative):
    set_metadata(other, align="scale")
    with pytest.raises(ValueError, match=r"`align` is 'median' in .* and 'scale' in"):
        compare_runs((evaluated, other), relative=relative)


def test_another_truth_is_another_measurement(evaluated, other):
    """LiDAR and exact depth of the same frames, for example."""
    data = ResultFolder(other).metadata()["data"]
    assert data["type"] == "KITTI360Dataset" and "data_root" not in data
    set_metadata(other, data={**data, "depth": "exact"})
    with pytest.raises(ValueError, match=r"`data` is .* and .*'depth': 'exact'"):
        compare_runs((evaluated, other))


def test_another_precision_is_another_measurement(evaluated, other):
    set_metadata(other, precision="bfloat16")
    text = r"`precision` is 'float32' in .* and 'bfloat16' in"
    with pytest.raises(ValueError, match=text):
        compare_runs((evaluated, other), relative=True)


def test_what_is_missing_is_named(evaluated, other, tmp_path, capsys):
    with pytest.raises(ValueError, match="no model 'x'; there are baseline, checkpo"):
        compare_runs((evaluated, evaluated), ("x", "checkpoint_2"))
    with pytest.raises(ValueError, match=r"share none of the metrics depth\.y"):
        compare_runs((evaluated, evaluated), metrics=["depth.y"])
    shutil.rmtree(other / "models/baseline")
    ResultFolder(other).write_overall()
    set_metadata(other, windows_hash="x")
    with pytest.raises(ValueError, match="other has no 'baseline' to compare with"):
        compare_runs((evaluated, other), relative=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CommandError, match="is empty"):
        compare_depth_runs.main([str(evaluated), str(tmp_path / "empty")])
    table = tmp_path / "table.csv"
    compare_depth_runs.main([str(evaluated), str(evaluated), "--csv", str(table)])
    assert table.read_text().startswith("metric,A base,A model,A gain")
    assert "B is " in capsys.readouterr().out


def test_the_best_has_the_least_error_or_the_most_hits(evaluated):
    folder = ResultFolder(evaluated)
    names = ["baseline", "checkpoint_2", "checkpoint_4", "checkpoint_10"]
    errors = [folder.metrics(name)[METRIC]["mean"] for name in names]
    found = select_checkpoint(evaluated, METRIC)
    assert found.name == names[int(np.argmin(errors))]
    assert found.value == min(errors)
    assert [value for _, value in found.ranking] == sorted(errors)[1:]
    hits = [folder.metrics(name)["depth.full.delta1"]["mean"] for name in names]
    best = select_checkpoint(evaluated, "depth.full.delta1").name
    assert best == names[int(np.argmax(hits))]


def test_limits_on_time_and_memory_leave_others_out(other, capsys):
    order = [select_checkpoint(other, METRIC)]
    names = [order[0].name, *(name for name, _ in order[0].ranking)]
    costs = dict(zip(names, [(300, 10), (100, 900), (90, 20), (80, 30)]))
    set_performance(other, **costs)
    assert select_checkpoint(other, METRIC, {"--max-latency": 200}).name == names[1]
    limits = {"--max-latency": 200, "--max-vram": 500}
    found = select_checkpoint(other, METRIC, limits)
    assert found.name == names[2]
    assert "latency_p95_ms is 300" in found.refused[names[0]]
    assert "vram_mb is 900, --max-vram allows 500" in found.refused[names[1]]
    with pytest.raises(ValueError, match=r"no model .* within the limits: .*is 80"):
        select_checkpoint(other, METRIC, {"--max-latency": 50})
    tool.main([str(other), "--by", METRIC, "--max-latency", "200"])
    path = ResultFolder(other).metadata()["models"][names[1]]["path"]
    assert capsys.readouterr().out.splitlines()[-1] == path


def test_what_was_not_measured_cannot_select(evaluated):
    with pytest.raises(ValueError, match=r"--by score: no model of .* has it"):
        select_checkpoint(evaluated, "score")
    with pytest.raises(ValueError, match=r"--max-vram 5: performance\.vram_mb was not"):
        select_checkpoint(evaluated, METRIC, {"--max-vram": 5})
