"""The recording, read back through rerun; and its absence."""

import importlib
import sys

import numpy as np
import pytest

from tests.visualization.frames import room_frame
from vantage3d.visualization import compare


def test_recording_holds_points_camera_and_image(tmp_path):
    rerun = pytest.importorskip("rerun")
    from vantage3d.visualization.recording import write_recording

    frames = [room_frame(0), room_frame(1)]
    path = tmp_path / "pictures" / "instances.rrd"
    write_recording(path, frames, 0.3)
    view = rerun.dataframe.load_recording(path).view(index="frame", contents="/**")
    table = view.select().read_all().drop_columns(["log_time"]).to_pydict()
    assert table["frame"] == [0, 1]
    for row, frame in enumerate(frames):
        points = np.array(table["/world/prediction:Position3D"][row])
        np.testing.assert_array_equal(points, frame.points)
        colours = rgb(table["/world/colour:Color"][row])
        np.testing.assert_array_equal(colours, frame.colours)
        truth = compare(frame, 0.3)
        on_object = truth.gt_ids >= 0
        colours = rgb(table["/world/ground_truth:Color"][row])
        expected = truth.gt_colours[truth.gt_ids[on_object]]
        np.testing.assert_array_equal(colours[on_object], expected)
        # matrices are stored column by column
        K = np.array(table["/world/camera/image:PinholeProjection"][row][0])
        np.testing.assert_allclose(K.reshape(3, 3).T, frame.K, rtol=1e-6)
        rotation = np.array(table["/world/camera:TransformMat3x3"][row][0])
        expected = frame.cam2world[:3, :3]
        np.testing.assert_allclose(rotation.reshape(3, 3).T, expected, atol=1e-6)
        assert frame.name in table["/caption:Text"][row][0]


def rgb(packed: list[int]) -> np.ndarray:
    """(N, 3) of rerun's 0xRRGGBBAA."""
    values = np.array(packed, np.uint32)
    return np.stack([values >> 24, values >> 16 & 255, values >> 8 & 255], 1)


def test_without_rerun_the_error_says_what_to_install(monkeypatch):
    name = "vantage3d.visualization.recording"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(ImportError, match=r"pip install rerun-sdk==0\.23\.1"):
        importlib.import_module(name)
