"""Figures of depth maps: closed forms, our windows' numbers, units that are told."""

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.windows.windows import bent, street_window
from vantage3d.evaluation.windows.contracts import MetricOptions
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.io.depth_files import write_depth_png
from vantage3d.referee.depth.readers import UNIT_FILE, DepthMaps
from vantage3d.referee.depth.task import CONSTANT, ROWS, resized, row_medians
from vantage3d.referee.evaluate import Options, evaluate
from vantage3d.referee.tasks import find_task

ABS_REL, DELTA1 = "depth.full.abs_rel", "depth.full.delta1"


def figures(protocol, pred, truth, answer="model", metric=True):
    task = find_task("depth", protocol)
    maps = [DepthMaps(np.asarray(d, np.float32)) for d in (pred, truth)]
    maps[0] = maps[0]._replace(metric=metric)
    return task.figures([task.measure("a/0", *maps)[answer]])


@pytest.fixture(scope="module")
def truth():
    return np.random.default_rng(0).uniform(1, 9, (1, 48, 64))


def test_a_scale_is_an_error_in_metres_and_none_where_it_is_fitted(truth):
    found = figures("robustmvd", 1.02 * truth, truth)
    assert found[ABS_REL] == pytest.approx(0.02, rel=1e-5)
    assert found["depth.full.within.1.03"] == 1
    found = figures("robustmvd", 1.04 * truth, truth)
    assert found["depth.full.within.1.03"] == 0
    found = figures("kitti-eigen", 0.2 * truth, truth)
    assert found[ABS_REL] == pytest.approx(0, abs=1e-6) and found[DELTA1] == 1


def test_only_the_range_and_the_crop_count(truth):
    wrong = np.where(truth > 8, 3 * truth, truth)
    far = truth + np.where(truth > 8, 4, 0)  # beyond 10 metres
    assert figures("scannet-simplerecon", wrong, far)[ABS_REL] == 0
    assert figures("robustmvd", wrong, far)[ABS_REL] > 0.05
    border = truth.copy()
    border[:, :19] = border[:, :, :2] = border[:, :, 62:] = 99
    assert figures("kitti-eigen", border, truth)[ABS_REL] == 0
    border[:, 19] = 99  # int(0.408 * 48) = 19 is inside
    assert figures("kitti-eigen", border, truth)[ABS_REL] > 0


def test_leaving_pixels_out_gains_nothing(truth):
    half = truth * (np.arange(64) < 32)
    found = figures("robustmvd", half, truth)
    nearest = np.mean(1 - 0.1 / truth[:, :, 32:]) / 2
    assert found[ABS_REL] == pytest.approx(nearest, rel=1e-5)
    assert found["depth.full.coverage"] == 0.5
    ours = figures("ours-window", half, truth)
    assert ours[ABS_REL] == 0 and ours[DELTA1] == 0.5
    assert ours["depth.full.coverage"] == 0.5


def test_windows_have_the_numbers_of_evaluate_depth():
    window = street_window()
    window = replace(window, depth=window.depth.astype(np.float32))
    answer = bent(window)
    found = figures("ours-window", answer.depth, window.depth * window.valid)
    options = MetricOptions(building=(), groups=("depth",), min_pixels=1)
    exact = replace(answer, depth=answer.depth.astype(np.float32))
    frames = measure_window(exact, window, options).frames
    for key in (ABS_REL, DELTA1, "depth.full.rmse", "depth.full.si_log"):
        mean = np.mean([frame[key] for frame in frames])
        assert found[key] == pytest.approx(mean, rel=1e-9)


def test_rows_that_need_no_model(truth):
    slope = np.broadcast_to(np.linspace(2, 8, 48)[:, None], truth.shape)
    assert figures("scannet-simplerecon", truth, slope, ROWS)[ABS_REL] == 0
    found = figures("scannet-simplerecon", truth, slope, CONSTANT)[ABS_REL]
    assert found == pytest.approx(np.mean(np.abs(5 - slope) / slope), rel=1e-3)
    valid = np.random.default_rng(1).random(truth.shape) < 0.4
    valid[0, 3] = False
    medians = row_medians(truth, valid)
    for row in (0, 1, 7):
        known = truth[0, row][valid[0, row]]
        assert medians[0, row, 0] == pytest.approx(np.median(known))
    assert medians[0, 3, 0] == np.median(truth[valid])


def test_sizes_follow_the_half_pixel_rule_and_holes_do_not_spread():
    depth = np.arange(1.0, 5).reshape(2, 2).repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(resized(depth, (2, 2), "nearest"), [[1, 2], [3, 4]])
    holed = np.full((6, 8), 4.0, np.float32)
    holed[:, :4] = 0
    assert set(np.unique(resized(holed, (12, 16), "bilinear"))) == {0, 4}
    with pytest.raises(ValueError, match="depth is 8x6 and judged at 8x8"):
        resized(holed, (8, 8), "nearest")


def test_units_are_told_and_never_guessed(tmp_path):
    task = find_task("depth", "scannet-mvs")
    truth = task.made_up()
    for number in (0, 4):
        kind = task.readers[number](task.rules)
        for name, unit in truth.items():
            kind.write(tmp_path / kind.name, name, unit)
    own = tmp_path / "png-mm"
    assert (own / UNIT_FILE).read_text() == "1000\n"
    assert evaluate(task, own, tmp_path / "npz").predictions.format == "png-mm"
    (own / UNIT_FILE).unlink()
    text = r"3 formats: \['png-mm', 'png-256', 'png-5000'\]. Say which with --format"
    with pytest.raises(ValueError, match=text):
        evaluate(task, own, tmp_path / "npz")
    found = evaluate(task, own, tmp_path / "npz", Options(format="png-5000"))
    assert found.figures["model"][ABS_REL] == pytest.approx(0.8, abs=1e-6)
    (own / UNIT_FILE).write_text("mm")
    with pytest.raises(ValueError, match="one number, units per metre, got 'mm'"):
        evaluate(task, own, tmp_path / "npz")


def test_any_unit_of_images_is_read_where_a_file_says_it(tmp_path):
    task = find_task("depth", "scannet-mvs")
    truth = {n: t._replace(depth=np.round(t.depth)) for n, t in task.made_up().items()}
    for name, unit in truth.items():
        task.readers[0](task.rules).write(tmp_path / "npz", name, unit)
        path = (tmp_path / "cm" / name).with_suffix(".png")
        path.parent.mkdir(parents=True)
        write_depth_png(path, unit.depth[0], 100)
    (tmp_path / "cm" / UNIT_FILE).write_text("100\n")
    found = evaluate(task, tmp_path / "cm", tmp_path / "npz")
    assert found.predictions.format == "png" and found.figures["model"][ABS_REL] == 0


@pytest.mark.parametrize("dtype", ["uint16", "int64", "str"])
@pytest.mark.parametrize("kind", [0, 1])
def test_arrays_of_whole_numbers_do_not_say_their_unit(tmp_path, kind, dtype):
    task = find_task("depth", "scannet-mvs")
    reader = task.readers[kind](task.rules)
    for name, unit in task.made_up().items():
        reader.write(tmp_path / "metres", name, unit)
        other = unit._replace(depth=(1000 * unit.depth).astype(dtype))
        reader.write(tmp_path / "other", name, other)
    with pytest.raises(ValueError, match=r"000000\.np. holds .*, expected floats of m"):
        evaluate(task, tmp_path / "other", tmp_path / "metres")


def test_maps_of_a_window_have_one_size(tmp_path):
    task = find_task("depth", "ours-window")
    for place, size in enumerate([(8, 12), (4, 6)]):
        path = tmp_path / "a" / f"{place}.npz"
        path.parent.mkdir(exist_ok=True)
        np.savez(path, depth=np.ones(size, np.float32))
    with pytest.raises(
        ValueError, match=r"its maps have the shapes \[\(4, 6\), \(8, 1"
    ):
        evaluate(task, tmp_path, tmp_path)


def test_pixels_without_prediction_are_counted(truth):
    task = find_task("depth", "ours-window")
    maps = [DepthMaps(d.astype(np.float32)) for d in (truth, truth)]
    maps[0].depth[:, :12] = np.nan
    arrays = [task.measure("a", *maps)["model"]]
    assert task.counts(arrays)["of them not predicted"] == 12 * 64


def test_what_does_not_fit_is_refused(truth):
    with pytest.raises(ValueError, match="in the network's unit, as its file says"):
        figures("robustmvd", truth, truth, metric=False)
    figures("kitti-eigen", truth, truth, metric=False)
    with pytest.raises(ValueError, match=r"prediction has 2 frames .* the truth 1"):
        figures("ours-window", truth.repeat(2, 0), truth)
    task = find_task("depth", "robustmvd")
    clusters = {
        "scene0707_00/10": "scene0707", "scene0707_01_000010": "scene0707",
        "drive_0003_0000000012": "drive_0003", "frame-000025": "frame", "000025": "",
        "alone": "alone",
    }  # fmt: skip
    assert {name: task.cluster(name) for name in clusters} == clusters
