"""Predictions as a recording."""

import numpy as np
import pytest

from tests.rooms import SIZE, truth
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.file_facts import file_facts
from vantage3d.results.prediction import FramePrediction
from vantage3d.results.store import write_frame
from vantage3d.synthetic.rooms.filming import sensor_intrinsics

K = sensor_intrinsics(SIZE)


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    """What ``predict`` leaves of a room: depth at half the size of the image."""
    out = tmp_path_factory.mktemp("out")
    for number, view in enumerate(truth("rgbd_folder", 0)):
        depth = view.frame.depth.astype(np.float32)[::2, ::2]
        frame = FramePrediction(
            str(number), view.frame.color, K, depth, cam2world=view.cam2world
        )
        write_frame(out / "desk/frames" / f"{number}.npz", frame)
    return out


def test_what_predict_wrote_is_a_recording(predicted):
    recording = open_recording(predicted)
    assert recording.layout == "predictions" and recording.sequences() == ["desk"]
    views = truth("rgbd_folder", 0)
    for name, view in zip(recording.names("desk"), views, strict=True):
        frame = recording.frame("desk", name)
        assert np.array_equal(recording.read_color(frame), view.frame.color)
        assert np.array_equal(recording.read_depth(frame), view.frame.depth[::2, ::2])
        assert frame.depth_camera.size == (80, 60)
        np.testing.assert_allclose(frame.color_camera.K, K)
        assert np.array_equal(frame.cam2world, view.cam2world)
    assert not [f for f in file_facts(recording, "desk") if f.level == "error"]


@pytest.mark.parametrize("part", ["desk", "desk/frames", "desk/frames/1.npz"])
def test_any_part_of_it_is_recognised(predicted, part):
    assert open_recording(predicted / part).layout == "predictions"


def test_it_is_no_training_data(predicted):
    frame = open_recording(predicted).frame("desk", "1")
    assert frame.made_on_reading == "its image is an array"


def test_files_without_colour_say_how_they_are_used(tmp_path):
    np.savez(tmp_path / "0.npz", depth=np.ones((4, 4)), K=np.eye(3))
    recording = open_recording(tmp_path)
    name = recording.sequences()[0]
    with pytest.raises(ValueError, match=r"0\.npz has no colour.*--depth-from"):
        recording.frame(name, "0")
