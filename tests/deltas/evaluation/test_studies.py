"""Studies: what rows change, what the report must not overlook, controls."""

import pytest
import torch

from tests.deltas.worlds import wall_batch
from tests.shared import ROOT
from vantage3d.deltas.evaluation.depth_metric import SPARSE
from vantage3d.deltas.evaluation.hooks import MISTAKES, WrongPosesHook
from vantage3d.deltas.evaluation.studies import (
    DATASET,
    STUDIES,
    Result,
    Row,
    Settings,
)
from vantage3d.deltas.evaluation.study_run import (
    Source,
    command_of,
    markdown,
    warnings,
    write_study,
)
from vantage3d.engine.configs.config import load_config
from vantage3d.evaluation.stereo_depth import EIGHT

CONFIG = ROOT / "configs/deltas/deltas_synthetic.py"


def result(name: str, x: float | None, abs_rel: float, share: float = 1.0, **row):
    metrics = dict.fromkeys((*EIGHT, *SPARSE), 0.5)
    metrics |= {EIGHT[0]: abs_rel, "sparse.triangulated": share}
    return Result(Row(name, x=x, **row), metrics, f"python tools/test.py {name}")


@pytest.mark.parametrize("name", [n for n in STUDIES if n != "weights"])
def test_a_config_reads_what_rows_change(name):
    options = {}
    for row in STUDIES[name].rows(Settings()):
        options |= row.options
    load_config(CONFIG, options)


def test_only_the_mask_rows_change_the_mask():
    for row in STUDIES["depth_range"].rows(Settings()):
        changed = "test_evaluator.max_depth" in row.options
        assert changed == (not row.same_mask), row.name
        assert "model.sparse_range" in row.options, row.name
    search = STUDIES["depth_range"].rows(Settings())[1].options
    assert search["model.search_range"] == (0.1, 20.0)
    assert search["model.sparse_range"] == (0.5, 10.0)


def test_published_sequences_keep_their_volume_and_rows_their_anchors():
    rows = STUDIES["seq_length"].rows(Settings())
    names = ("frames", "gap", "anchors_of")
    values = [tuple(row.options[f"{DATASET}.{n}"] for n in names) for row in rows]
    first = (3, 20)
    assert values == [(*first, first), (4, 15, first), (5, 12, first), (7, 10, first)]


def test_sizes_are_compared_at_the_size_of_the_files():
    for row in STUDIES["resolution"].rows(Settings()):
        assert row.options["test_evaluator.eval_resolution"] == "native"


def test_other_weights_are_needed():
    with pytest.raises(ValueError, match=r"--weights NAME=FILE.*got \[\] and \['a'\]"):
        STUDIES["weights"].rows(Settings(legacy=("a",)))
    rows = STUDIES["weights"].rows(Settings(weights={"a": "f.pth"}, legacy=("a",)))
    assert rows[1].options == {"model.legacy": True} and rows[1].checkpoint == "f.pth"


def test_numbers_that_agree_with_a_guess_are_flagged():
    """The published study: four gaps, one number, nothing ever triangulated."""
    rows = [result(f"gap {gap}", gap, 0.7569, 0.001) for gap in (1, 5, 10, 20)]
    notes = warnings([*rows, result("no points", None, 0.7569, 0.0)])
    assert sum("made no difference" in note for note in notes) == 4
    assert sum("0.10% of the keypoints" in note for note in notes) == 4
    fine = [result("gap 20", 20, 0.08), result("no points", None, 0.2)]
    assert warnings(fine) == []


def test_the_report_is_written(tmp_path):
    rows = [
        result("gap 1", 1.0, 0.3), result("gap 20", 20.0, 0.1),
        result("mask wide", None, 0.2, same_mask=False),
    ]  # fmt: skip
    text = write_study(tmp_path, "seq_gap", STUDIES["seq_gap"], rows)
    assert text == markdown("seq_gap", rows)
    assert "| gap 20 |" in text and "| mask wide * |" in text
    assert "not comparable" in text and "python tools/test.py gap 1" in text
    assert {p.suffix for p in tmp_path.iterdir()} == {".md", ".json", ".png"}


def test_the_command_of_a_row_gives_its_settings(tmp_path):
    source = Source("c.py", tmp_path, tmp_path, "data/x")
    options = {"model.search_range": (0.1, 20.0), "test_dataloader.dataset.gap": 5}
    command = command_of(source, tmp_path, options)
    assert "--data-root data/x" in command
    assert "'model.search_range=(0.1,20.0)'" in command
    assert command.endswith("test_dataloader.dataset.gap=5")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_poses_are_rigid_and_wrong(mistake):
    batch = wall_batch()
    before = batch["cam2world"].clone()
    hook = WrongPosesHook(mistake)
    hook.before_test_iter(None, 0, {"inputs": batch})
    wrong = batch["cam2world"]
    rotation = wrong[..., :3, :3]
    eye = torch.eye(3).expand_as(rotation)
    assert torch.allclose(rotation @ rotation.mT, eye, atol=1e-5)
    assert torch.allclose(torch.linalg.det(rotation), torch.ones(1, 3))
    relative = torch.linalg.inv(wrong[:, 1:]) @ wrong[:, :1]
    truth = torch.linalg.inv(before[:, 1:]) @ before[:, :1]
    assert (relative - truth).abs().amax((2, 3)).min() > 0.05


def test_unknown_mistake():
    with pytest.raises(ValueError, match=r"`mistake` must be .* got 'noise'"):
        WrongPosesHook("noise")
