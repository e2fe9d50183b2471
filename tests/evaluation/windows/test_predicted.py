"""Files of anybody's network as answers to windows, and answers that know nothing."""

import numpy as np
import pytest

from tests.evaluation.windows.windows import OPTIONS, perfect, street_window
from vantage3d.evaluation.results.windows import EvaluationWindow
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.evaluation.windows.predicted import PredictedWindows
from vantage3d.evaluation.windows.trivial import (
    CONSTANT,
    MEDIAN_MAP,
    trivial_answers,
)
from vantage3d.geometry import invert_rigid, scale_intrinsics

WINDOW = EvaluationWindow("street_0000000008", "street", (8, 9, 10, 11), "rich")


@pytest.fixture(scope="module")
def truth():
    return street_window()


def arrays(truth, frame=slice(None)) -> dict[str, np.ndarray]:
    answer = perfect(truth)
    cam2world = invert_rigid(answer.world2cam)
    return {"depth": answer.depth[frame], "K": truth.K[frame],
            "cam2world": cam2world[frame]}  # fmt: skip


def write_window(folder, truth):
    np.savez(folder / "street_0000000008.npz", **arrays(truth))


def write_frames(folder, truth):
    (folder / "street").mkdir()
    for i, name in enumerate(truth.names):
        np.savez(folder / "street" / f"frame_{name.zfill(6)}.npz", **arrays(truth, i))


def write_sequence(folder, truth):
    """One file of all frames in another order."""
    turned = {key: value[::-1] for key, value in arrays(truth).items()}
    np.savez(folder / "street.npz", names=truth.names[::-1], **turned)


@pytest.mark.parametrize("write", [write_window, write_frames, write_sequence])
def test_every_form_of_files_is_the_same_answer(truth, tmp_path, write):
    write(tmp_path, truth)
    files = PredictedWindows(tmp_path, [WINDOW])
    found, wanted = files.answer(WINDOW, truth.depth.shape[1:]), perfect(truth)
    np.testing.assert_allclose(found.depth, wanted.depth, rtol=1e-6)
    np.testing.assert_allclose(found.world2cam, wanted.world2cam, atol=1e-12)
    np.testing.assert_allclose(found.K, truth.K)
    assert len(files.hash()) == 64


def test_another_size_of_the_view_keeps_its_cameras(truth, tmp_path):
    stored = arrays(truth)
    stored["depth"] = stored["depth"].repeat(2, axis=1).repeat(2, axis=2)
    stored["K"] = scale_intrinsics(stored["K"], 2.0)
    np.savez(tmp_path / "street_0000000008.npz", **stored)
    found = PredictedWindows(tmp_path, [WINDOW]).answer(WINDOW, truth.depth.shape[1:])
    np.testing.assert_allclose(found.K, truth.K)
    np.testing.assert_allclose(found.depth, perfect(truth).depth, rtol=1e-6)


def test_what_is_missing_is_named(truth, tmp_path):
    with pytest.raises(
        FileNotFoundError, match="no answer to window street_0000000008"
    ):
        PredictedWindows(tmp_path, [WINDOW])
    write_frames(tmp_path, truth)
    (tmp_path / "street/frame_000009.npz").unlink()
    with pytest.raises(ValueError, match=r"lacks the frames \[9\] of window"):
        PredictedWindows(tmp_path, [WINDOW])
    short = {key: value[:3] for key, value in arrays(truth).items()}
    np.savez(tmp_path / "street_0000000008.npz", **short)
    with pytest.raises(
        ValueError, match=r"has 3 frames, window .* 4: \[8, 9, 10, 11\]"
    ):
        PredictedWindows(tmp_path, [WINDOW])


def test_another_picture_is_refused(truth, tmp_path):
    stored = arrays(truth)
    np.savez(tmp_path / "street_0000000008.npz", depth=stored["depth"][:, :, :-8])
    files = PredictedWindows(tmp_path, [WINDOW])
    H, W = truth.depth.shape[1:]
    with pytest.raises(ValueError, match=f"depth is {W - 8}x{H}, the views .* {W}x{H}"):
        files.answer(WINDOW, (H, W))


def test_rows_that_know_nothing_are_measured_as_such(truth):
    typical = np.median(np.where(truth.valid, truth.depth, 30.0), axis=0)
    rows = trivial_answers(typical)
    found = {name: measure_window(answer(truth), truth, OPTIONS)
             for name, answer in rows.items()}  # fmt: skip
    assert list(rows) == [CONSTANT, MEDIAN_MAP]
    assert found[CONSTANT].frames[0]["planarity.building.inlier_ratio"] == 1
    for record in found.values():
        assert record.window["pose.auc_30"] < 1
        assert record.window["photometric.building.coverage"] > 0.5  # nothing moves
    errors = [r.frames[0]["depth.full.abs_rel"] for r in found.values()]
    assert errors[0] > errors[1] > 0
    assert list(trivial_answers(None)) == [CONSTANT]
