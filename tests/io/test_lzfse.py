"""Depth of .r3d files: raw LZFSE blocks, written by hand."""

import struct
import sys

import numpy as np
import pytest
from PIL import Image

from vantage3d.io.lzfse import read_lzfse_depth


def write(path, depth, size=(72, 96)):
    """Compressed by nothing: a block ``bvx-`` of raw bytes, and the end ``bvx$``."""
    data = depth.astype("<f4").tobytes()
    path.write_bytes(b"bvx-" + struct.pack("<I", len(data)) + data + b"bvx$")
    Image.new("RGB", size).save(path.with_suffix(".jpg"))
    return path


def test_the_size_is_that_of_the_image_in_proportion(tmp_path):
    pytest.importorskip("lzfse")
    depth = np.arange(24 * 32).reshape(32, 24) / 100
    found = read_lzfse_depth(write(tmp_path / "0.depth", depth))
    np.testing.assert_array_equal(found, depth.astype(np.float32))


def test_damaged_files_are_named(tmp_path):
    pytest.importorskip("lzfse")
    path = write(tmp_path / "0.depth", np.ones((32, 25)))
    with pytest.raises(ValueError, match=r"has 800 values, which make no map .* 72x96"):
        read_lzfse_depth(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"0\.depth is truncated or not LZFSE"):
        read_lzfse_depth(path)


def test_without_the_library_the_remedy_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lzfse", None)
    path = write(tmp_path / "0.depth", np.ones((32, 24)))
    with pytest.raises(ImportError, match=r"lzfse is not installed .*EXR \+ JPG"):
        read_lzfse_depth(path)
