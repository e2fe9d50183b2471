"""Outcomes of scenes on disk: the same AP, and that of scenes drawn again."""

import numpy as np
import pytest

from tests.evaluation.scenes import random_scene
from vantage3d.evaluation.instance_outcomes import (
    FILE,
    read_outcomes,
    scene_outcomes,
    write_outcomes,
)
from vantage3d.evaluation.metrics_table import AP_KEYS
from vantage3d.evaluation.scannet_ap import instance_ap


def test_what_was_written_gives_the_ap_of_any_choice_of_scenes(tmp_path):
    rng = np.random.default_rng(0)
    scenes = [random_scene(rng, n_predictions=n).overlaps() for n in (9, 0, 14)]
    names = ["room_0", "room_1", "hall_0"]
    path = tmp_path / FILE
    write_outcomes(path, scene_outcomes(names, scenes, 4))
    found = read_outcomes(path, "again")
    assert found.names == names
    got = found.resampled(np.array([[1, 1, 1], [2, 0, 1]]))
    classes = ["a", "b", "c", "d"]
    for row, chosen in zip(got, (scenes, [scenes[0], scenes[0], scenes[2]])):
        expected = instance_ap(chosen, classes)
        assert row == pytest.approx([expected[key] for key in AP_KEYS], abs=1e-12)


def test_no_scene_and_no_file(tmp_path):
    path = tmp_path / FILE
    write_outcomes(path, scene_outcomes([], [], 4))
    assert read_outcomes(path, "again").names == []
    with pytest.raises(FileNotFoundError, match=r"no\.npz.*Test it again"):
        read_outcomes(tmp_path / "no.npz", "Test it again")
