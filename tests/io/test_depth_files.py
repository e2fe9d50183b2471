"""Depth encodings: exact where they are, refused by name where they are damaged."""

import builtins
import struct

import cv2
import h5py
import numpy as np
import pytest
from PIL import Image

from vantage3d.io import depth_files
from vantage3d.io.depth_files import (
    looks_rotated,
    read_depth_file,
    read_depth_size,
    read_float16_png,
    read_hdf5,
    read_npy,
    read_raw_float32,
    read_rotated_depth,
    read_stored,
    rotate_bits,
    unrotate_bits,
    write_depth_png,
    write_float16_png,
    write_hdf5,
    write_raw_float32,
)
from vantage3d.io.images import read_depth


@pytest.fixture
def depth():
    values = np.random.default_rng(0).uniform(0.1, 80, (12, 20)).astype(np.float32)
    values[3:5, 6:9] = 0
    return values


@pytest.mark.parametrize("scale", [256.0, 1000.0])
def test_integer_depth_is_rounded_and_what_16_bits_cannot_hold_is_missing(
    tmp_path, depth, scale
):
    depth = np.minimum(depth, 60)
    depth[0, :3] = 65534.49 / scale, 65534.6 / scale, 1e6
    write_depth_png(tmp_path / "a.png", depth, scale)
    read = read_depth(tmp_path / "a.png", scale)
    assert read[0, 0] == pytest.approx(65534 / scale) and not read[0, 1:3].any()
    depth[0, :3] = read[0, :3]
    assert np.abs(read - depth).max() <= 0.5 / scale + 1e-5
    assert (read == 0).sum() == (depth == 0).sum()


def test_bits_of_a_half_float_png(tmp_path, depth):
    """1.5 has the bits 0x3E00; what is not finite or negative is missing."""
    write_float16_png(tmp_path / "a.png", depth)
    expected = depth.astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(read_float16_png(tmp_path / "a.png"), expected)
    # 1.5, +inf, NaN, -1.5, 0
    bits = np.array([[0x3E00, 0x7C00, 0x7E00, 0xBE00, 0]], np.uint16)
    cv2.imwrite(str(tmp_path / "b.png"), bits)
    assert read_float16_png(tmp_path / "b.png").tolist() == [[1.5, 0, 0, 0, 0]]


def test_raw_float32_is_row_major_and_infinity_is_missing(tmp_path, depth):
    write_raw_float32(tmp_path / "a.JPG", depth)
    data = np.frombuffer((tmp_path / "a.JPG").read_bytes(), "<f4")
    assert data[2 * 20 + 7] == depth[2, 7] and np.isposinf(data[3 * 20 + 6])
    np.testing.assert_array_equal(read_raw_float32(tmp_path / "a.JPG", (20, 12)), depth)
    message = r"a\.JPG has 960 bytes, expected 1000: 25x10 float32"
    with pytest.raises(ValueError, match=message):
        read_raw_float32(tmp_path / "a.JPG", (25, 10))


def test_npy(tmp_path, depth):
    np.save(tmp_path / "a.npy", depth)
    np.testing.assert_array_equal(read_npy(tmp_path / "a.npy"), depth)
    np.save(tmp_path / "b.npy", depth[None])
    with pytest.raises(ValueError, match=r"b\.npy must hold .* got \(1, 12, 20\)"):
        read_npy(tmp_path / "b.npy")
    np.save(tmp_path / "c.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"c\.npy is truncated or no array"):
        read_npy(tmp_path / "c.npy")


def test_hdf5(tmp_path, depth):
    write_hdf5(tmp_path / "a.hdf5", depth)
    expected = depth.astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(read_hdf5(tmp_path / "a.hdf5"), expected)
    (tmp_path / "b.hdf5").write_bytes((tmp_path / "a.hdf5").read_bytes()[:300])
    with pytest.raises(ValueError, match=r"b\.hdf5 is truncated or has no array"):
        read_hdf5(tmp_path / "b.hdf5")
    half = depth.astype(np.float16)
    half[0, :2] = np.nan, -1  # as Hypersim's releases have them
    for name, values in (("dataset", half), ("other", half), ("dataset", half[None])):
        with h5py.File(tmp_path / f"{name}{values.ndim}.hdf5", "w") as store:
            store[name] = values
    found = read_hdf5(tmp_path / "dataset2.hdf5")
    np.testing.assert_array_equal(found[1:], expected[1:])
    assert not found[0, :2].any()
    with pytest.raises(ValueError, match=r"other2\.hdf5 .* no array 'dataset'"):
        read_hdf5(tmp_path / "other2.hdf5")
    with pytest.raises(ValueError, match=r"must hold .* numbers, got \(1, 12, 20"):
        read_hdf5(tmp_path / "dataset3.hdf5")


def test_without_h5py_the_error_says_what_to_install(tmp_path, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "h5py":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    (tmp_path / "a.hdf5").write_bytes(b"x")
    with pytest.raises(ImportError, match="pip install 'h5py<4'"):
        depth_files.read_hdf5(tmp_path / "a.hdf5")


@pytest.mark.parametrize(
    "read",
    [read_float16_png, read_npy, read_hdf5, lambda p: read_raw_float32(p, (1, 1))],
)
def test_missing_files_are_named(tmp_path, read):
    with pytest.raises(FileNotFoundError, match=r"gone\.png is missing"):
        read(tmp_path / "gone.png")


def test_an_8_bit_image_is_no_half_float(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((2, 2), 250, np.uint8))
    with pytest.raises(
        ValueError, match=r"a\.png has values up to 250, expected the 16"
    ):
        read_float16_png(tmp_path / "a.png")


def save(path, values):
    cv2.imwrite(str(path), values.astype(np.uint16))
    return path


@pytest.fixture
def millimetres():
    """A slanted surface from 1 to 4 m with a hole."""
    values = np.linspace(1000, 4000, 60 * 80).reshape(60, 80).round().astype(np.uint16)
    values[:5, :5] = 0
    return values


def test_rotation_is_undone_for_every_value():
    values = np.arange(2**16).astype(np.uint16)
    stored = rotate_bits(values)
    assert stored[1000] == 8000 and stored[8192] == 1
    assert len(np.unique(stored)) == 2**16
    np.testing.assert_array_equal(unrotate_bits(stored), values)


def test_metres_come_back(tmp_path, millimetres):
    path = save(tmp_path / "d.png", rotate_bits(millimetres))
    np.testing.assert_allclose(read_rotated_depth(path), millimetres / 1000, rtol=1e-6)


def test_rotated_depth_takes_the_owners_word(tmp_path, millimetres):
    """Units, a code, and 65535, which is beyond any sensor: no depth."""
    coded = millimetres.copy()
    coded[0], coded[1] = 65535, 8000
    path = save(tmp_path / "d.png", rotate_bits(coded))
    expected = millimetres / 5000
    expected[:2] = 0
    found = read_depth_file(path, 5000, 8000, rotated=True)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_eight_bits_are_not_turned(tmp_path):
    Image.fromarray(np.full((4, 4), 200, np.uint8)).save(tmp_path / "d.png")
    assert (read_stored(tmp_path / "d.png", rotated=True) == 200).all()


def test_plain_millimetres_are_refused(tmp_path, millimetres):
    path = save(tmp_path / "d.png", millimetres)
    with pytest.raises(ValueError, match=r"d.png is not bit-rotated: 87% of its"):
        read_rotated_depth(path)


def test_other_depths_of_bits_are_refused(tmp_path):
    Image.fromarray(np.full((4, 4), 70_000, np.int32)).save(tmp_path / "d.tif")
    with pytest.raises(ValueError, match="values up to 70000, expected 16 bits"):
        read_rotated_depth(tmp_path / "d.tif")


def test_rotated_depth_read_as_millimetres_is_noticed(millimetres):
    assert looks_rotated(rotate_bits(millimetres) / 1000)
    assert not looks_rotated(millimetres / 1000)
    assert not looks_rotated(8 * millimetres.astype(float) / 1001)
    assert not looks_rotated(np.zeros((4, 4)))


def test_an_exr_file_of_the_red_channel_alone(tmp_path):
    """As phones write them: a header by hand, one uncompressed line after another."""

    def attribute(name, kind, data):
        return b"%s\0%s\0" % (name, kind) + struct.pack("<I", len(data)) + data

    width, height = 4, 3
    box = struct.pack("<4i", 0, 0, width - 1, height - 1)
    red = b"R\0" + struct.pack("<iB3xii", 2, 0, 1, 1) + b"\0"  # 2: float32
    header = b"".join((
        attribute(b"channels", b"chlist", red),
        attribute(b"compression", b"compression", b"\0"),
        attribute(b"dataWindow", b"box2i", box),
        attribute(b"displayWindow", b"box2i", box),
        attribute(b"lineOrder", b"lineOrder", b"\0"),
        attribute(b"pixelAspectRatio", b"float", struct.pack("<f", 1)),
        attribute(b"screenWindowCenter", b"v2f", struct.pack("<2f", 0, 0)),
        attribute(b"screenWindowWidth", b"float", struct.pack("<f", 1)),
    ))  # fmt: skip
    depth = np.arange(12, dtype="<f4").reshape(height, width) / 4
    lines = [struct.pack("<ii", y, 4 * width) + depth[y].tobytes() for y in range(3)]
    begin = 8 + len(header) + 1 + 8 * height
    places = [begin + y * len(lines[0]) for y in range(3)]
    magic = struct.pack("<II", 20000630, 2)
    offsets = struct.pack("<3Q", *places)
    path = tmp_path / "0.exr"
    path.write_bytes(magic + header + b"\0" + offsets + b"".join(lines))
    np.testing.assert_array_equal(read_depth_file(path, 1.0), depth)
    assert read_stored(path).shape == (3, 4) and read_depth_size(path) == (4, 3)
