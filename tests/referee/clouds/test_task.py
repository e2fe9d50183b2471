"""Figures of clouds and meshes: closed forms, and what is refused."""

import numpy as np
import pytest

from vantage3d.io.ply import read_ply, write_ply
from vantage3d.referee.clouds.readers import Surface
from vantage3d.referee.clouds.task import BOX, thinned
from vantage3d.referee.evaluate import evaluate
from vantage3d.referee.tasks import find_task

SQUARE = Surface(
    np.array([[0.0, 0, 1], [2, 0, 1], [2, 1, 1], [0, 1, 1]]),
    np.array([[0, 1, 2], [0, 2, 3]]),
)


def grid(side: float = 2.0, step: float = 0.1) -> np.ndarray:
    axis = np.arange(0, side, step)
    x, y = np.meshgrid(axis, axis)
    return np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1)


def judged(pred, truth, answer="model"):
    task = find_task("clouds", "reconstruction-5cm")
    arrays = task.measure("room", Surface(pred), Surface(truth))[answer]
    return {key.partition(".")[2]: v for key, v in task.figures([arrays]).items()}


def test_a_shift_is_its_length_and_half_a_floor_is_half_the_recall():
    found = judged(grid() + np.array([0, 0, 0.03]), grid())
    assert found["accuracy"] == found["completeness"] == pytest.approx(0.03)
    assert found["f_score"] == 1
    found = judged(grid()[:200], grid())
    assert (found["precision"], found["recall"]) == (1, 0.5)
    assert found["f_score"] == pytest.approx(2 / 3) and found["accuracy"] == 0
    rows = np.arange(10)
    assert found["completeness"] == pytest.approx(np.mean(0.1 * (rows + 1)) / 2)
    assert judged(grid(), grid(), BOX)["f_score"] > 0.2  # a flat box is the floor


def test_a_mesh_counts_by_its_surface_and_not_by_its_corners():
    task = find_task("clouds", "reconstruction-5cm")
    points = task.points(SQUARE)
    assert len(points) == 20_000  # 2 square metres, 100 x 100 points each
    assert points.min(axis=0) == pytest.approx([0, 0, 1], abs=0.01)
    assert points.max(axis=0) == pytest.approx([2, 1, 1], abs=0.01)
    assert points.mean(axis=0) == pytest.approx([1, 0.5, 1], abs=0.02)
    own = Surface(grid(1.0, 0.02) * [2, 1, 0] + np.array([0, 0, 1]))
    values = task.figures([task.measure("room", SQUARE, own)["model"]])
    assert values["cloud.f_score"] > 0.99


def test_dense_parts_do_not_decide():
    cloud = np.repeat(grid(), 5, axis=0)
    np.testing.assert_array_equal(thinned(cloud, 0.02), grid())


def test_a_mesh_of_triangles_is_read_and_another_is_refused(tmp_path):
    write_ply(tmp_path / "a.ply", SQUARE.points, {}, SQUARE.faces)
    points, faces = read_ply(tmp_path / "a.ply")
    np.testing.assert_array_equal(points, SQUARE.points)
    np.testing.assert_array_equal(faces, SQUARE.faces)
    write_ply(tmp_path / "b.ply", SQUARE.points, {}, SQUARE.faces + 2)
    with pytest.raises(ValueError, match="faces of points beyond its 4"):
        read_ply(tmp_path / "b.ply")
    task = find_task("clouds", "reconstruction-5cm")
    for wrong, said in (
        (-1, "got point -1"),
        (4, "must be of its 4 points, got point 4"),
    ):
        odd = SQUARE._replace(faces=np.array([[0, 1, wrong]]))
        with pytest.raises(ValueError, match=said):
            task.measure("room", odd, SQUARE)
    flat = SQUARE._replace(faces=np.array([[0, 0, 1]]))
    with pytest.raises(ValueError, match="1 faces have no area together"):
        task.measure("room", flat, SQUARE)
    (tmp_path / "c.ply").write_text("no ply")
    with pytest.raises(ValueError, match=r"c\.ply is no PLY file of points"):
        read_ply(tmp_path / "c.ply")


def test_formats_are_told_and_an_empty_truth_is_refused(tmp_path):
    task = find_task("clouds", "reconstruction-5cm")
    for kind in task.readers:
        for name, unit in task.made_up().items():
            kind(task.rules).write(tmp_path / kind.name, name, unit)
        found = evaluate(task, tmp_path / kind.name, tmp_path / "npz")
        assert found.predictions.format == kind.name and found.flags == []
    with pytest.raises(ValueError, match="the truth has no point"):
        judged(grid(), np.zeros((0, 3)))
    with pytest.raises(ValueError, match=r"prediction` must have shape \(N, 3\)"):
        judged(np.zeros((4, 2)), grid())
