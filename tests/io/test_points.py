"""Raw arrays come back as written; a wrong length or a NaN is named."""

import numpy as np
import pytest

from vantage3d.io.points import (
    check_finite,
    read_labels,
    read_pixels,
    read_points,
    write_rows,
)


def test_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(7, 6)).astype(np.float32)
    labels = rng.integers(0, 2**40, 7)
    pixels = rng.integers(0, 640, (7, 2))
    write_rows(tmp_path / "p.bin", points, "<f4")
    write_rows(tmp_path / "l.bin", labels, "<i8")
    write_rows(tmp_path / "x.bin", pixels, "<i4")
    np.testing.assert_array_equal(read_points(tmp_path / "p.bin"), points)
    np.testing.assert_array_equal(read_labels(tmp_path / "l.bin", 7), labels)
    np.testing.assert_array_equal(read_pixels(tmp_path / "x.bin", 7), pixels)


def test_truncated(tmp_path):
    (tmp_path / "p.bin").write_bytes(bytes(100))
    with pytest.raises(ValueError, match=r"p\.bin has 100 bytes, expected a multiple"):
        read_points(tmp_path / "p.bin")


def test_empty(tmp_path):
    (tmp_path / "p.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=r"p\.bin has 0 bytes"):
        read_points(tmp_path / "p.bin")


def test_labels_of_another_length(tmp_path):
    write_rows(tmp_path / "l.bin", np.arange(6), "<i8")
    with pytest.raises(ValueError, match=r"l\.bin has 6 rows, expected 7"):
        read_labels(tmp_path / "l.bin", 7)


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.bin is missing"):
        read_points(tmp_path / "gone.bin")


def test_nan(tmp_path):
    points = np.zeros((5, 6), np.float32)
    points[3, 1] = np.nan
    write_rows(tmp_path / "p.bin", points, "<f4")
    with pytest.raises(
        ValueError, match=r"p\.bin: 1 of 5 points.*row 3 with \[0\.0, n"
    ):
        read_points(tmp_path / "p.bin")
    with pytest.raises(ValueError, match=r"here: 1 of 1 points.*inf"):
        check_finite(np.array([[0.0, np.inf]]), "here")
