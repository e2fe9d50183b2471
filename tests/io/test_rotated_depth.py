"""SUN3D's bit rotation, and what gives away that it was forgotten."""

import cv2
import numpy as np
import pytest

from vantage3d.io.rotated_depth import (
    looks_rotated,
    read_rotated_depth,
    rotate_bits,
    unrotate_bits,
)


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


def test_plain_millimetres_are_refused(tmp_path, millimetres):
    path = save(tmp_path / "d.png", millimetres)
    with pytest.raises(ValueError, match=r"d.png is not bit-rotated: 87% of its"):
        read_rotated_depth(path)


def test_other_depths_of_bits_are_refused(tmp_path):
    from PIL import Image

    Image.fromarray(np.full((4, 4), 70_000, np.int32)).save(tmp_path / "d.tif")
    with pytest.raises(ValueError, match="values up to 70000, expected 16 bits"):
        read_rotated_depth(tmp_path / "d.tif")


def test_rotated_depth_read_as_millimetres_is_noticed(millimetres):
    assert looks_rotated(rotate_bits(millimetres) / 1000)
    assert not looks_rotated(millimetres / 1000)
    assert not looks_rotated(8 * millimetres.astype(float) / 1001)
    assert not looks_rotated(np.zeros((4, 4)))
