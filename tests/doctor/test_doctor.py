import pytest

from vantage3d.backbones2d.build import NAMES
from vantage3d.doctor import (
    file_rows,
    line,
    package_row,
    pinned_versions,
    run_probe,
)
from vantage3d.io.released_weights import BACKBONES, FOLDER, RELEASED


def test_pins_are_read_by_name():
    text = "# comment\ntorch==2.11.0\nMinkowskiEngine==0.5.4\n"
    assert pinned_versions(text) == {"torch": "2.11.0", "minkowskiengine": "0.5.4"}


def test_another_version_than_the_pinned_one_is_broken():
    row = package_row("pytest", "0.0.1")
    assert row.state == "broken"
    assert "tried with 0.0.1" in row.found and row.remedy == "make setup"


@pytest.mark.parametrize(
    ("optional", "state"), [("pip install it", "absent"), (None, "broken")]
)
def test_a_missing_package_says_how_to_get_it(optional, state):
    row = package_row("no-such-package-here", None, optional)
    assert (row.state, row.found) == (state, "not installed")
    assert row.remedy == (optional or "make setup")


def test_probe_shows_what_the_code_printed_last():
    row = run_probe("sum", "print('noise'); print(1 + 1)", True, "")
    assert (row.state, row.found) == ("ok", "2")


def test_a_crashing_probe_is_reported_and_survived():
    row = run_probe("crash", "import os; os.abort()", True, "reinstall")
    assert row.state == "broken"
    assert "exit code" in row.found
    assert row.remedy == "reinstall"


def test_a_failing_probe_shows_its_error():
    row = run_probe("cuda", "raise AssertionError('no CUDA device')", False, "")
    assert (row.state, row.found) == ("absent", "AssertionError: no CUDA device")


def test_missing_data_names_the_command(tmp_path):
    rows = {row.subject: row for row in file_rows(tmp_path)}
    assert rows["dataset data/synthetic"].state == "absent"
    assert "make demo" in rows["dataset data/synthetic"].remedy
    (tmp_path / "data/synthetic").mkdir(parents=True)
    (tmp_path / "data/synthetic/x_infos_train.json").write_text("{}")
    rows = {row.subject: row for row in file_rows(tmp_path)}
    assert rows["dataset data/synthetic"].found == "x_infos_train.json"


def test_image_networks_are_found_where_the_extraction_looks(tmp_path):
    name, folder = "dinov2_vitl14_reg", tmp_path / FOLDER

    def row():
        (found,) = [r for r in file_rows(tmp_path) if r.subject.endswith(f" {name}")]
        return found

    assert (row().state, row().found) == ("absent", "not found")
    assert row().remedy == f"vantage3d weights {name}"
    folder.mkdir(parents=True)
    for file in reversed(BACKBONES[name].files):  # ours goes first where both are
        (folder / file).write_bytes(bytes(2**20))
        assert (row().state, row().remedy) == ("ok", "")
        assert row().found == f"{file}, 1 MiB"


def test_all_released_weights_have_a_row(tmp_path):
    rows = [row for row in file_rows(tmp_path) if row.subject.startswith("weights ")]
    assert [row.subject.split()[-1] for row in rows] == list(RELEASED)
    assert set(NAMES) <= set(RELEASED)


def test_long_findings_do_not_break_the_columns():
    row = run_probe("long", "print('x' * 300)", True, "fix")
    assert len(line(row)) < 120
