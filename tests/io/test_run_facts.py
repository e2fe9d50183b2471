"""``run.json``: one file says what made predictions, also in several goes."""

import pytest
import torch

from vantage3d.io.run_facts import RUN, made_by, note_run, read_run


def test_what_differs_between_two_goes_is_told_and_the_rest_stays(tmp_path):
    facts = made_by("float32", "cpu", weights=tmp_path / "a.pth", options={"seed": 0})
    assert facts["device"]["threads"] == torch.get_num_threads()
    assert facts["versions"]["torch"] == torch.__version__
    for _ in range(2):
        note_run(tmp_path, facts)
    assert read_run([tmp_path]) == facts
    other = {"precision": "bfloat16", "device": {**facts["device"], "type": "cuda"}}
    for _ in range(2):
        note_run(tmp_path, {**facts, **other})
    found = read_run([tmp_path])
    assert found["precision"] == "float32, bfloat16"
    assert found["device"] == {**facts["device"], "type": "cpu, cuda"}
    assert found["weights"] == str(tmp_path / "a.pth")
    note_run(tmp_path, facts, alone=True)
    assert read_run([tmp_path]) == facts


def test_folders_of_one_model_speak_together(tmp_path):
    for name, precision in ("a", "float32"), ("b", "bfloat16"):
        (tmp_path / name).mkdir()
        note_run(tmp_path / name, {"precision": precision, "system": "esam"})
    folders = [tmp_path, tmp_path / "a", tmp_path / "b"]
    both = {"precision": "float32, bfloat16", "system": "esam"}
    assert read_run(folders) == both and read_run([tmp_path]) == {}


def test_a_file_that_is_no_object_is_refused(tmp_path):
    (tmp_path / RUN).write_text("[1]")
    with pytest.raises(ValueError, match=r"run.json must be an object, got \[1\]"):
        read_run([tmp_path])
