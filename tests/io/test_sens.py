"""ScanNet's .sens files, written and read, whole and damaged."""

import struct

import numpy as np
import pytest

from vantage3d.io.images import is_there, read_color, read_depth, read_size
from vantage3d.io.sens import (
    SensFrame,
    SensHeader,
    member_path,
    open_sens,
    write_sens,
)
from vantage3d.synthetic.layouts.files import encode_image

RNG = np.random.default_rng(1)
K = np.diag([500.0, 510, 1, 1]).astype(np.float32)
HEADER = SensHeader(K, 2 * K, (96, 72), (8, 6), 1000.0, 4)
SIZES_AT = 12 + 15 + 4 * 64  # behind the start, the name and the matrices


def frame(number):
    pose = np.eye(4, dtype=np.float32)
    pose[:3, 3] = number
    if number == 2:
        pose[:] = -np.inf
    depth = RNG.integers(0, 2**16, (6, 8)).astype(np.uint16)
    return SensFrame(pose, bytes([255, 216, number]) * (number + 1), depth)


FRAMES = [frame(number) for number in range(4)]


@pytest.fixture
def recording(tmp_path):
    write_sens(tmp_path / "a.sens", HEADER, FRAMES)
    return tmp_path / "a.sens"


def read(path):
    file = open_sens(path)
    return [file.frame(number) for number in range(file.header.frames)]


def test_frames_come_back_in_any_order(recording):
    file = open_sens(recording)
    assert file.header[2:] == HEADER[2:]
    np.testing.assert_array_equal(file.header.K_depth, 2 * K)
    for number in (3, 0, 2, 1, 0):
        for value, expected in zip(file.frame(number), FRAMES[number]):
            np.testing.assert_array_equal(value, expected)
    with pytest.raises(ValueError, match="has 4 frames, frame 4 was asked for"):
        file.color(4)


def test_a_file_that_changed_is_read_again(recording):
    assert open_sens(recording) is open_sens(recording)
    write_sens(recording, HEADER._replace(frames=1), FRAMES[:1])
    assert open_sens(recording).header.frames == 1


def test_images_inside_a_file_are_read_by_path(tmp_path):
    """Depth in millimetres; 0.4 mm units, so that 16 bits of the file hold 26 m."""
    stored = np.array([[0, 5000], [2500, 65535]], np.uint16)
    color = encode_image(".jpg", np.full((6, 8, 3), 200, np.uint8))
    header = HEADER._replace(depth_size=(2, 2), depth_scale=2500.0)
    frames = [frame(0)._replace(color=color, depth=stored)] * 2
    write_sens(path := tmp_path / "a.sens", header, frames)
    depth, image = (member_path(path, kind, 1) for kind in ("depth", "color"))
    assert depth == path / "depth" / "1.png"
    np.testing.assert_allclose(read_depth(depth), [[0, 2], [1, 26.214]])
    assert abs(read_color(image).astype(int) - 200).max() <= 2
    assert read_size(image) == (8, 6) and is_there(image)
    with pytest.raises(ValueError, match=r"a.sens has 2 frames, frame 7 was asked for"):
        read_color(path / "color" / "7.jpg")
    path.unlink()
    assert not is_there(depth)
    with pytest.raises(FileNotFoundError, match=r"depth image .*1.png is missing"):
        read_depth(depth)


def test_colour_inside_a_file_that_is_no_image_is_refused(recording):
    with pytest.raises(ValueError, match=r"a.sens/color/1.jpg .* is not an image"):
        read_color(member_path(recording, "color", 1))


def test_a_truncated_file_says_where_it_ends(recording, tmp_path):
    data = recording.read_bytes()
    for length, where in ((100, "in its header"), (len(data) - 5, "in frame 3")):
        (tmp_path / "b.sens").write_bytes(data[:length])
        message = f"b.sens is truncated: it ends {where} after {length} bytes"
        with pytest.raises(ValueError, match=message):
            read(tmp_path / "b.sens")


def test_another_file_is_refused(recording, tmp_path):
    data = bytearray(recording.read_bytes())
    data[0] = 3
    recording.write_bytes(data)
    with pytest.raises(ValueError, match="version 3 and a name of 15 bytes, expected"):
        read(recording)
    with pytest.raises(FileNotFoundError, match=r"c.sens is missing"):
        read(tmp_path / "c.sens")


def test_other_compressions_are_refused(recording):
    data = bytearray(recording.read_bytes())
    data[SIZES_AT : SIZES_AT + 8] = struct.pack("<ii", 1, 2)
    recording.write_bytes(data)
    with pytest.raises(ValueError, match="colour as 'png' and depth as 'occi_ushort'"):
        read(recording)


def test_damaged_depth_names_the_frame(recording):
    data = bytearray(recording.read_bytes())
    data[-6] ^= 255
    recording.write_bytes(data)
    with pytest.raises(ValueError, match=r"image of frame 3 is .* damaged"):
        read(recording)


def test_units_that_are_none_are_refused(tmp_path):
    write_sens(tmp_path / "a.sens", HEADER._replace(depth_scale=0.0), FRAMES)
    with pytest.raises(ValueError, match=r"a.sens has 0 units of depth per metre"):
        read(tmp_path / "a.sens")
