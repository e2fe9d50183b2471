"""The golden runner, on every shared file of a kind it knows and on bad ones."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.reference.run_golden import KINDS, main, relative_error, run
from tests.shared import ROOT, SHARED, need

RUNNER = ROOT / "tests/reference/run_golden.py"
# Listed without reading: collection must not depend on the shared folder.
NAMES = {"vggt": "vggt_small"}  # where a file is not named like its kind
FILES = [f"golden/{NAMES.get(kind, kind)}_dev.npz" for kind in KINDS]


@pytest.mark.parametrize("file", FILES)
def test_shared_files(file):
    result = run(need(file))
    assert result["ok"], result
    assert result["kind"] in file


def test_every_shared_file_of_a_known_kind_is_tested():
    need("golden")
    known = set()
    for path in (SHARED / "golden").glob("*.npz"):
        with np.load(path) as golden:
            if str(golden["kind"]) in KINDS:
                known.add(f"golden/{path.name}")
    assert known == set(FILES)


def check_line(line: str, ok: bool) -> None:
    result = json.loads(line)
    assert set(result) == {"file", "kind", "max_rel_error", "tolerance", "ok"}
    assert result["ok"] == ok


def test_command_prints_one_line_and_fails_on_a_wrong_value(tmp_path):
    with np.load(need("golden/esam_pool_decoder_dev.npz")) as golden:
        arrays = {key: golden[key] for key in golden.files}
    np.savez(tmp_path / "bad.npz", **{**arrays, "cls0": arrays["cls0"] * 1.01})
    command = [sys.executable, str(RUNNER), str(tmp_path / "bad.npz")]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    assert done.returncode == 1
    check_line(done.stdout, ok=False)


def test_exit_status_is_zero_on_success(monkeypatch, capsys):
    file = need("golden/esam_pool_decoder_dev.npz")
    monkeypatch.setattr(sys, "argv", ["run_golden.py", str(file)])
    assert main() == 0
    check_line(capsys.readouterr().out, ok=True)


def test_one_sample_more_or_less_is_found_by_its_arrays(tmp_path):
    with np.load(need("golden/esam_pool_decoder_dev.npz")) as golden:
        arrays = {key: golden[key] for key in golden.files if not key.endswith("1")}
    arrays["point_weight"] = arrays["point_weight"][: len(arrays["x0"])]
    np.savez(tmp_path / "one.npz", **arrays)
    assert run(tmp_path / "one.npz")["ok"]


def test_unknown_kind(tmp_path):
    np.savez(tmp_path / "x.npz", kind="nerf")
    with pytest.raises(ValueError, match=r"x\.npz: kind 'nerf' is unknown"):
        run(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("ours", "reference", "expected"),
    [
        ([1.0, 2.1], [1.0, 2.0], 0.05),
        ([1.0, np.nan], [1.0, 2.0], np.inf),
        ([1.0, np.nan], [1.0, np.nan], 0.0),
        ([1.0, 5.0], [1.0, np.nan], np.inf),
        ([1.0], [1.0, 2.0], np.inf),
        ([0.5], [0.0], 0.5),
    ],
)
def test_relative_error(ours, reference, expected):
    assert relative_error(ours, reference) == pytest.approx(expected)
