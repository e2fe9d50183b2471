"""Videos: frames by their number, told apart by their grey."""

import struct

import cv2
import numpy as np
import pytest

from vantage3d.io.video import VideoReader, read_video_frame

SIZE = 64, 48
STEP = 7  # grey levels between two frames


def write(path, frames=20, fps=10.0, codec="mp4v"):
    """Grey frames that get brighter, white in their upper left corner."""
    stream = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, SIZE)
    assert stream.isOpened()
    for number in range(frames):
        image = np.full((*SIZE[::-1], 3), 20 + STEP * number, np.uint8)
        image[:16, :16] = 255
        stream.write(image)
    stream.release()
    return path


def number_of(image):
    return round((float(np.median(image)) - 20) / STEP)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG")])
def test_frames_in_any_order(tmp_path, name, codec):
    path = write(tmp_path / name, codec=codec)
    for number in (3, 4, 17, 0, 0, 19, 5):
        assert number_of(read_video_frame(path, number)) == number


def test_times_and_measures_of_one_pass(tmp_path):
    found = VideoReader(write(tmp_path / "a.mp4")).scan(lambda image: np.median(image))
    assert [frame.number for frame in found] == list(range(20))
    np.testing.assert_allclose([f.time for f in found], np.arange(20) / 10, atol=1e-3)
    assert [round((f.measure - 20) / STEP) for f in found] == list(range(20))


def turned(path):
    """The video with a quarter turn clockwise in its track header (tkhd)."""
    data = bytearray(path.read_bytes())
    begin = data.index(b"tkhd") + 4 + 40  # version 0: the matrix is 40 bytes further
    matrix = struct.unpack_from(">9i", data, begin)
    assert matrix == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    struct.pack_into(
        ">9i", data, begin, 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30
    )
    path.write_bytes(data)
    return path


def test_a_phone_held_upright(tmp_path):
    image = read_video_frame(turned(write(tmp_path / "a.mp4")), 5)
    assert image.shape == (64, 48, 3) and number_of(image) == 5
    assert image[4, -4].min() > 200 and image[4, 4].max() < 100  # upper right now


def test_what_cannot_be_read_is_named(tmp_path):
    path = write(tmp_path / "a.mp4")
    with pytest.raises(ValueError, match="ends after 20 frames, frame 20 was asked"):
        read_video_frame(path, 20)
    with pytest.raises(FileNotFoundError, match=r"video .*b\.mp4 is missing"):
        read_video_frame(tmp_path / "b.mp4", 0)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"a\.mp4 \(300 bytes\) cannot be opened"):
        read_video_frame(path, 0)


def test_a_video_cut_in_the_middle_is_refused(tmp_path):
    path = write(tmp_path / "a.avi", frames=60, codec="MJPG")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(ValueError, match="can be decoded, its header lists 60"):
        VideoReader(path).scan()
