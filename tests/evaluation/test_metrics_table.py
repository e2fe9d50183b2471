"""The table of metrics: every key that is made is in it, and documents agree."""

import re

import pytest

from tests.evaluation.windows.windows import OPTIONS, perfect, street_window
from tests.shared import ROOT
from vantage3d.engine.configs.config import load_config
from vantage3d.evaluation.metrics_table import (
    AP_KEYS,
    HEADLINE,
    SCORE,
    TABLE,
    find,
    long_name,
    region,
)
from vantage3d.evaluation.scannet_ap import instance_ap
from vantage3d.evaluation.stereo_depth import DepthRange, anchor_record
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.referee.depth.task import DepthTask
from vantage3d.referee.poses.task import PosesTask
from vantage3d.referee.protocol import shipped
from vantage3d.registry import METRICS

CONFIGS = sorted((ROOT / "configs").glob("[!_]*/*.py"))
LINE = re.compile(r"^\| `(.+?)` \|")


def document_row(metric) -> str:
    """The row of a metric in docs/depth_metrics.md."""
    way = {True: "higher", False: "lower", None: "-"}[metric.higher_is_better]
    formula = metric.formula.replace("|", r"\|")
    cells = metric.label, metric.unit or "-", way, formula, metric.averaging
    return f"| `{metric.key}` | {' | '.join(cells)} |"


def test_the_document_has_the_table():
    text = (ROOT / "docs/depth_metrics.md").read_text()
    rows = [line for line in text.splitlines() if LINE.match(line)]
    expected = [document_row(metric) for metric in TABLE]
    assert rows == expected, "write these rows:\n" + "\n".join(expected)


def judged(task) -> set[str]:
    """Keys of the headlines of a task's protocols, and what is told beside them."""
    own = [p for p in shipped().values() if p.task == task.name]
    beside = {"depth.full.coverage", "pose.coverage"}
    return beside | {key for protocol in own for key in task(protocol).headline}


def test_every_key_that_is_measured_is_in_the_table():
    truth = street_window()
    found = measure_window(perfect(truth), truth, OPTIONS)
    depth = truth.depth[0]
    keys = {*found.frames[0], *found.window, *anchor_record(depth, depth, DepthRange())}
    rows = {find(key).key for key in keys}
    groups = {key.partition(".")[0] for key in rows}
    assert {"depth", "ablation", "normals", "planarity", "pose", "points"} <= groups
    # and the table has no depth metric that nobody measures
    rows |= {find(key).key for task in (DepthTask, PosesTask) for key in judged(task)}
    never = {row.key for row in TABLE if row.key.startswith(("depth.", "pose."))} - rows
    assert not never


def test_instance_ap_has_the_keys_of_the_table():
    answer = instance_ap([], ["chair"])
    assert tuple(answer)[:3] == AP_KEYS
    assert [find(f"chair/{key}").label for key in answer["classes"]["chair"]] == [
        find(key).label for key in AP_KEYS
    ]


def test_no_key_means_two_things():
    keys = [metric.key for metric in TABLE]
    assert len(set(keys)) == len(keys)
    for key in (*HEADLINE, "depth.class.road.mae", "photometric.full.inlier_at.0.075"):
        assert sum(find(key) is metric for metric in TABLE) == 1
    assert find("depth.class.road.mae").unit == "m"
    assert find("ablation.log_median.full.delta1").higher_is_better
    assert region("depth.non_building.mae") == "non-building"
    assert long_name("depth.building.rmse") == "building RMSE [m]"
    assert long_name("pose.auc_30") == "AUC@30"


def test_the_weights_of_the_score_sum_to_one():
    assert sum(SCORE.values()) == pytest.approx(1)
    assert set(SCORE) <= set(HEADLINE)


@pytest.mark.parametrize("key", ["AbsRel", "depth.full", "depth.full.absrel", "a1"])
def test_an_unknown_key_is_named(key):
    with pytest.raises(ValueError, match=f"metric '{key}' is not in the table"):
        find(key)


def measured(evaluator, key: str) -> bool:
    """Whether the evaluator of a config returns a metric."""
    kind = evaluator["type"]
    if kind == "DepthMetric":
        options = METRICS.build(evaluator).options
        known = key.partition(".")[0] in options.groups
        return known and (bool(options.building) or "building" not in key)
    starts = {"TriangulatedDepthMetric": ("depth.full.", "sparse.")}
    return key.startswith(starts.get(kind, AP_KEYS))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_save_best_names_a_metric_that_its_evaluator_returns(path):
    cfg = load_config(path)
    hook = cfg.default_hooks.checkpoint
    if not hook.get("save_best") or cfg.get("val_evaluator") is None:
        return
    keys = [hook.save_best] if isinstance(hook.save_best, str) else hook.save_best
    for key in keys:
        assert measured(cfg.val_evaluator, key), key
        better = {"greater": True, "less": False}[hook.rule]
        assert find(key).higher_is_better == better, key


def test_examples_in_comments_and_documents_name_metrics_that_exist():
    sources = [*ROOT.glob("configs/**/*.py"), *ROOT.glob("docs/*.md")]
    sources += [ROOT / "README.md", *ROOT.glob("tools/*.py")]
    found = set()
    for path in sources:
        text = path.read_text()
        found |= set(re.findall(r'save_best="([^"]+)"', text))
        found |= set(re.findall(r"--by ([\w.]+)", text))
    assert len(found) > 2
    for key in found:
        find(key)
