"""Studies: what rows change, what the report must not overlook, controls."""

import argparse
import math
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.deltas.worlds import wall_batch
from tests.shared import ROOT
from vantage3d.cli.arguments import add_cfg_options
from vantage3d.deltas.evaluation.depth_metric import write_anchors, write_points
from vantage3d.deltas.evaluation.hooks import MISTAKES, WrongPosesHook
from vantage3d.deltas.evaluation.sparse_points import CHANCE, SPARSE, JudgedPoints
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
    compare_points,
    markdown,
    paired_errors,
    warnings,
    write_study,
)
from vantage3d.engine.configs.config import load_config
from vantage3d.evaluation.stereo_depth import EIGHT

CONFIG = ROOT / "configs/deltas/deltas_synthetic.py"


def result(name: str, x: float | None, abs_rel: float, share: float = 1.0, **row):
    metrics = dict.fromkeys((*EIGHT, *SPARSE), 0.5)
    metrics |= {f"sparse.chance.{name}.within_5_of_all": 0.1 for name in CHANCE}
    metrics |= {EIGHT[0]: abs_rel, "sparse.triangulated": share}
    return Result(Row(name, x=x, **row), metrics, f"python tools/test.py {name}")


def read_again(command: str) -> dict:
    """The settings that a printed command gives."""
    parser = argparse.ArgumentParser()
    add_cfg_options(parser)
    return parser.parse_args(shlex.split(command)[4:]).cfg_options


@pytest.mark.parametrize("name", [n for n in STUDIES if n != "weights"])
def test_a_config_reads_what_printed_commands_say(name):
    source, options = Source("c.py", Path("x.pth"), Path("out")), {}
    for row in STUDIES[name].rows(Settings()):
        words = ["tools/test.py", "c.py", "x.pth"]
        assert read_again(command_of(source, words, row.options)) == row.options
        options |= row.options
    load_config(CONFIG, options)


def test_rows_of_gaps_have_one_set_of_anchors_and_a_control_each():
    rows = STUDIES["seq_gap"].rows(Settings(gaps=(5, 60, 20), views=4))
    same = {f"{DATASET}.anchors_of": (4, 60), f"{DATASET}.min_baseline": 0.0}
    assert all(same.items() <= row.options.items() for row in rows)
    named = {row.name: row for row in rows}
    for row in rows[:3]:
        changed = named[row.control].options.items() - row.options.items()
        assert changed == {("model.sparse_range", (1e6, 2e6))}


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
    rows = [
        result(f"gap {gap}", gap, 0.7569, 0.0, control="none") for gap in (1, 5, 10, 20)
    ]
    notes = warnings([*rows, result("none", None, 0.7569, 0.0)])
    assert sum("made no difference" in note for note in notes) == 4
    assert sum("no keypoint was triangulated" in note for note in notes) == 4
    fine = [result("gap 20", 20, 0.08, control="none"), result("none", None, 0.2)]
    assert warnings(fine) == []
    harmful = [result("gap 20", 20, 0.3, control="none"), fine[1]]
    assert warnings(harmful) == [
        "gap 20: AbsRel 0.3000 is worse than 0.2000 without any point: the points harm."
    ]


def test_rows_of_chance_and_other_anchors_are_flagged():
    guessed, good = result("a", 1, 0.3), result("b", 2, 0.1)
    guessed.metrics["sparse.within_5_of_all"] = 0.19
    guessed.metrics["count.frames"], good.metrics["count.frames"] = 65, 60
    few, chance = warnings([guessed, good])
    assert few.startswith("Rows have 60 to 65 anchors")
    assert chance.startswith("a: 19.0% of the keypoints") and "10.0% are" in chance


def rows_with_points(tmp_path, *found, anchor="room/7") -> list[Result]:
    """Rows whose keypoints, at x = 0, 1, ..., have true depth 2 m."""
    rows = []
    for number, z in enumerate(found):
        z, path = np.array(z, np.float32), tmp_path / f"{number}.npz"
        pixels = np.stack([np.arange(len(z)), np.zeros(len(z))], 1)
        truth = np.full_like(z, 2)
        write_points(path, {anchor: JudgedPoints(pixels, truth, z, z, {})})
        row = result(str(number), number, 0.1)
        rows.append(Result(row.row, row.metrics, "", path))
    return rows


def test_errors_are_compared_on_keypoints_of_all_rows(tmp_path):
    none = math.nan
    rows = rows_with_points(tmp_path, [2, 3, 2.2, none], [none, 2.02, 2.02, 9])
    first, second = (r.metrics for r in compare_points(rows))
    assert first["count.common_keypoints"] == 2
    assert first["sparse.common.abs_rel_median"] == pytest.approx(0.3)
    assert second["sparse.common.abs_rel_median"] == pytest.approx(0.01, rel=1e-3)
    assert (first["sparse.common.within_5"], second["sparse.common.within_5"]) == (0, 1)
    assert "2 keypoints are triangulated in all rows" in markdown(
        "x", compare_points(rows)
    )


def test_rows_of_other_keypoints_are_not_compared(tmp_path):
    none = math.nan
    apart = rows_with_points(tmp_path, [2, none], [none, 2])
    apart += rows_with_points(tmp_path / "other", [2, 2], anchor="room/8")
    for rows in (apart[:2], apart[1:]):
        found = compare_points(rows)
        assert all("sparse.common.within_5" not in r.metrics for r in found)


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


def test_a_command_has_the_data_of_the_study(tmp_path):
    source = Source("c.py", tmp_path, tmp_path, "data/my rooms")
    command = command_of(source, ["tools/test.py"], {})
    assert command == "python tools/test.py --data-root 'data/my rooms'"


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


def test_differences_to_the_first_row_have_intervals_over_scenes(tmp_path):
    """Three scenes of four anchors, 0.1 better in each: paired, that is certain."""
    rows = []
    for name, gain in (("a", 0.0), ("b", 0.1)):
        anchors = [f"scene{i % 3:04d}_00/{i}" for i in range(12)]
        results = [
            {"anchor": anchor, "depth": {EIGHT[0]: 0.1 * i + 0.2 - gain}}
            for i, anchor in enumerate(anchors)
        ]
        write_anchors(tmp_path / name, results)
        mean = np.mean([r["depth"][EIGHT[0]] for r in results])
        file = tmp_path / name / "keypoints.npz"
        rows.append(replace(result(name, 1.0, mean), keypoints=file))
    title, first, second = paired_errors(rows)
    assert (title, first) == ("AbsRel - a", "")
    assert second == "-0.1000 [-0.1000, -0.1000] 3c/12f few"
    assert "| AbsRel - a |" in markdown("study", rows).splitlines()[2]
    assert paired_errors([result("a", 1, 0.2)]) == []
