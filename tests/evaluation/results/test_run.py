"""Result folders that are complete, incomplete and damaged."""

import json

import pytest

from tests.evaluation.results.folder import edit_overall, write_folder
from vantage3d.evaluation.results.run import check_same_windows, read_run


def test_models_stand_in_natural_order(tmp_path):
    folder = write_folder(tmp_path / "out", 11, merged=True, windows=3)
    names = [model.name for model in read_run(folder).models]
    steps = [f"checkpoint_{step}" for step in range(1, 12)]
    assert names == ["baseline", *steps, "merged_checkpoint_11"]


def test_numbers_are_those_of_the_files(tmp_path):
    folder = write_folder(tmp_path / "out", 1, windows=3)
    own = json.loads((folder / "models/checkpoint_1/metrics.json").read_text())
    model = read_run(folder).models[1]
    for metric in ("depth.building.abs_rel", "pose.ate_trans"):
        stat, wanted = model.stats[metric], own[metric]
        ends = (wanted["ci_low"], wanted["ci_high"])
        assert (stat.mean, *stat.interval[:2]) == pytest.approx((wanted["mean"], *ends))
        assert stat.interval.basis == f"3 clusters (few), {wanted['ci_frames']} frames"
    assert model.mean("count.building.pixels") == 3 * 4 * 2100


def test_csv_alone_is_enough(tmp_path):
    folder = write_folder(tmp_path / "out", 2, windows=3)
    before = read_run(folder)
    for path in folder.glob("models/*/metrics.json"):
        path.unlink()
    run = read_run(folder)
    assert [m.mean("depth.full.rmse") for m in run.models] == pytest.approx(
        [m.mean("depth.full.rmse") for m in before.models]
    )
    assert any("models/checkpoint_1/metrics.json is missing" in n for n in run.notes)


def test_missing_metadata_is_noted(tmp_path):
    folder = write_folder(tmp_path / "out", 1, windows=3)
    (folder / "metadata.json").unlink()
    assert any("metadata.json is missing" in note for note in read_run(folder).notes)


def test_no_baseline_is_noted(tmp_path):
    run = read_run(write_folder(tmp_path / "out", 2, baseline=False, windows=3))
    assert run.baseline is None
    assert any("no row is named 'baseline'" in note for note in run.notes)


def test_column_without_numbers_is_named(tmp_path):
    folder = write_folder(tmp_path / "out", 1, windows=3)
    for path in folder.glob("models/*/metrics.json"):
        path.unlink()

    def empty(rows):
        column = rows[0].index("pose.ate_trans.mean")
        return [rows[0], *([*r[:column], "nan", *r[column + 1 :]] for r in rows[1:])]

    edit_overall(folder, empty)
    notes = read_run(folder).notes
    assert "column pose.ate_trans.mean holds no number for any model." in notes


def test_empty_columns_of_a_kind_share_a_note(tmp_path):
    folder = write_folder(tmp_path / "out", 1, windows=3)
    for path in folder.glob("models/*/metrics.json"):
        path.unlink()

    def empty(rows):
        place = ["pose." in name for name in rows[0]]
        cells = [["" if p else c for c, p in zip(row, place)] for row in rows[1:]]
        return [rows[0], *cells]

    edit_overall(folder, empty)
    assert "10 columns pose.* hold no number for any model." in read_run(folder).notes


def test_model_without_a_number_is_named(tmp_path):
    folder = write_folder(tmp_path / "out", 2, windows=3)
    path = folder / "models/checkpoint_2/metrics.json"
    stats = json.loads(path.read_text())
    stats["depth.full.mae"]["mean"] = None
    path.write_text(json.dumps(stats))

    def empty(rows):
        column = rows[0].index("depth.full.mae.mean")
        rows[3][column] = ""
        return rows

    edit_overall(folder, empty)
    notes = read_run(folder).notes
    assert "column depth.full.mae.mean holds no number for checkpoint_2." in notes


def test_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent is no folder.*evaluate first"):
        read_run(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"empty is empty. Expected metrics_ov"):
        read_run(tmp_path / "empty")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.txt").touch()
    with pytest.raises(FileNotFoundError, match=r"other holds \['a.txt'\]"):
        read_run(tmp_path / "other")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:1], "expected a column `checkpoint` .* and 0 rows"),
        (lambda rows: [r[1:] for r in rows], r"got the columns \['ablation.log"),
        (lambda rows: [*rows, rows[-1]], "two rows are named 'checkpoint_1'"),
        (
            lambda rows: [*rows[:-1], [rows[-1][0], "x", *rows[-1][2:]]],
            r"column 'ablation.log_median.building.*' of 'checkpoint_1': .*'x'",
        ),
        (
            lambda rows: [[*r[:1], *(c for c, h in zip(r, rows[0]) if "pose" in h)]
                          for r in rows],
            r"expected numbers in `depth.full.abs_rel.mean`.*\['pose.ate_rot_deg'",
        ),
    ],
)  # fmt: skip
def test_damaged_csv_is_refused(tmp_path, change, message):
    folder = write_folder(tmp_path / "out", 1, windows=3)
    for path in folder.glob("models/*/metrics.json"):
        path.unlink()
    edit_overall(folder, change)
    with pytest.raises(ValueError, match=message):
        read_run(folder)


def test_csv_of_another_evaluation_is_refused(tmp_path):
    folder = write_folder(tmp_path / "out", 1, windows=3)

    def other(rows):
        column = rows[0].index("depth.full.abs_rel.mean")
        rows[2][column] = "0.75"
        return rows

    edit_overall(folder, other)
    with pytest.raises(ValueError, match=r"abs_rel = 0.75 for 'checkpoint_1'"):
        read_run(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "truncated or no JSON"),
        ("[]", "expected an object, got list"),
        ('{"format": 2, "crc32": "00000000"}', "its CRC-32 is .*expected 00000000"),
    ],
)
def test_damaged_json_is_refused(tmp_path, text, message):
    folder = write_folder(tmp_path / "out", 1, windows=3)
    (folder / "metadata.json").write_text(text)
    with pytest.raises(ValueError, match=rf"metadata\.json.*{message}"):
        read_run(folder)


def test_other_windows_are_refused(tmp_path):
    folder = write_folder(tmp_path / "out", 1, windows=5)
    path = folder / "models/checkpoint_1/windows.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-2]))
    with pytest.raises(
        ValueError,
        match=r"'baseline' was .* on 5 windows and 'checkpoint_1' on 3, 3",
    ):
        check_same_windows(read_run(folder))


def test_table_without_its_columns_is_refused(tmp_path):
    folder = write_folder(tmp_path / "out", 1, windows=3)
    (folder / "models/baseline/windows.csv").write_text("id,bucket,frames\nw0,a,0\n")
    with pytest.raises(ValueError, match=r"'bucket', 'frames'\]: \['sequence'\] m"):
        check_same_windows(read_run(folder))
