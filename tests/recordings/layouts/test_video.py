"""Videos as recordings."""

import cv2
import numpy as np
import pytest

from tests.io.test_video import SIZE, number_of, write
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.file_facts import file_facts
from vantage3d.recordings.layouts import Video
from vantage3d.recordings.options import Remedies


def test_a_file_and_a_folder_of_videos(tmp_path):
    path = write(tmp_path / "walk.mp4", frames=6)
    recording = open_recording(path)
    assert recording.layout == "video" and recording.sequences() == ["walk"]
    found = recording.frames("walk")
    assert [f.name for f in found][-1] == "000005" and found[-1].place == 5
    np.testing.assert_allclose(found[3].timestamp, 0.3, atol=1e-3)
    assert found[0].color_camera is None and found[0].cam2world is None
    for number in (4, 1, 2):
        assert number_of(recording.read_color(found[number])) == number
    write(tmp_path / "walk.avi", frames=3)
    assert open_recording(tmp_path).sequences() == ["walk.avi", "walk.mp4"]


def test_its_facts_are_told(tmp_path):
    recording = Video(write(tmp_path / "walk.mp4", frames=6))
    found = file_facts(recording, "walk")
    assert found and {finding.level for finding in found} == {"info"}


def test_a_shift_of_colour_moves_the_place(tmp_path):
    path = write(tmp_path / "walk.mp4", frames=6)
    recording = Video(path, Remedies(color_shift=2))
    frame = recording.frame("walk", "000001")
    assert frame.number == 1 and number_of(recording.read_color(frame)) == 3


def test_the_sharpest_of_each_window_is_taken(tmp_path):
    """Frames 2, 3 and 8 have an edge: the only sharp one of each window of four."""
    path = tmp_path / "walk.avi"
    stream = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, SIZE)
    for number in range(9):
        image = np.full((*SIZE[::-1], 3), 90, np.uint8)
        image[:, 32:] += np.uint8(50 if number in (2, 5, 8) else 0)
        stream.write(image)
    stream.release()
    found = Video(path, Remedies(every=4)).frames("walk")
    assert [f.number for f in found] == [2, 5, 8]


def test_intrinsics_beside_the_video(tmp_path):
    np.savetxt(tmp_path / "intrinsic.txt", [[60, 0, 31.5], [0, 60, 23.5], [0, 0, 1]])
    recording = Video(write(tmp_path / "walk.mp4", frames=3))
    camera = recording.frames("walk")[0].color_camera
    assert camera.size == SIZE and camera.K[0, 0] == 60


def test_lost_frames_are_told(tmp_path):
    path = write(tmp_path / "walk.avi", frames=60, codec="MJPG")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 95 // 100])
    recording = Video(path)
    assert len(recording.names("walk")) == 59
    assert any(
        "59 frames can be decoded, the header lists 60" in text
        for text in recording.defaults
    )


def test_what_is_no_video(tmp_path):
    (tmp_path / "walk.mp4").write_bytes(b"no video at all")
    recording = open_recording(tmp_path)
    with pytest.raises(ValueError, match=r"walk.mp4 \(15 bytes\) cannot be opened"):
        recording.names("walk")
