"""ScanNet's .sens files, written and read, whole and damaged."""

import struct

import numpy as np
import pytest

from vantage3d.io.sens import SensFrame, SensHeader, open_sens, write_sens

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


def read(path, step=1):
    with open_sens(path) as file:
        return file.header, dict(file.frames(step))


@pytest.mark.parametrize("step", [1, 3])
def test_frames_come_back(recording, step):
    header, frames = read(recording, step)
    assert header[2:] == HEADER[2:]
    np.testing.assert_array_equal(header.K_depth, 2 * K)
    assert list(frames) == list(range(0, 4, step))
    for number, found in frames.items():
        for value, expected in zip(found, FRAMES[number]):
            np.testing.assert_array_equal(value, expected)


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
