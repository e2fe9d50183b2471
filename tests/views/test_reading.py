"""Frames of an index are read from the folders that it declares, and from no other."""

import os

import numpy as np
import pytest
from PIL import Image

from vantage3d.geometry import distance_to_depth
from vantage3d.io.depth_files import rotate_bits, write_millimetre_png
from vantage3d.views.frame import BadSampleError
from vantage3d.views.index import Facts, IndexedFrame
from vantage3d.views.reading import read_indexed

K = np.array([[20.0, 0, 12], [0, 20, 9], [0, 0, 1]])
FACTS = Facts("integer", ".", 1000.0)


@pytest.fixture
def folders(tmp_path):
    """A folder of data, and one beside it."""
    for name in ("raw", "secret"):
        (tmp_path / name).mkdir()
        image = np.full((18, 24, 3), 100, np.uint8)
        Image.fromarray(image).save(tmp_path / name / "a.png")
        depth = np.full((18, 24), 2.0, np.float32)
        write_millimetre_png(tmp_path / name / "d.png", depth)
    (tmp_path / "raw/link.png").symlink_to(tmp_path / "secret/a.png")
    return tmp_path


def read(folders, image="a.png", depth="d.png", facts=FACTS):
    entry = IndexedFrame(4, image, depth, K, np.eye(4))
    return read_indexed(folders / "raw", facts, entry)


def test_frames_of_the_folder_are_read(folders):
    assert (read(folders).depth == 2).all()


@pytest.mark.parametrize("image", ["../secret/a.png", "link.png", "ABSOLUTE", "a\0"])
def test_an_image_elsewhere_is_refused(folders, image):
    image = image.replace("ABSOLUTE", str(folders / "secret/a.png"))
    with pytest.raises(BadSampleError, match="frame 4 of the index names"):
        read(folders, image)


def test_a_depth_map_elsewhere_is_refused(folders):
    with pytest.raises(BadSampleError, match=r"names '\.\./secret/d\.png', which is"):
        read(folders, depth="../secret/d.png")


def test_a_declared_folder_is_read(folders):
    facts = FACTS._replace(extra_roots=("../secret",))
    for image in (
        "../secret/a.png",
        "link.png",
        os.path.abspath(folders / "secret/a.png"),
    ):
        assert read(folders, image, "../secret/d.png", facts).image.shape == (18, 24, 3)


def test_what_the_owner_says_reaches_rotated_depth(folders):
    stored = np.full((18, 24), 5000, np.uint16)
    stored[0], stored[1] = 65535, 8000
    Image.fromarray(rotate_bits(stored)).save(folders / "raw/d.png")
    facts = FACTS._replace(reader="rotated", depth_scale=5000.0, missing=8000)
    depth = read(folders, facts=facts).depth
    assert (depth[:2] == 0).all() and (depth[2:] == 1).all()
    along = read(folders, facts=facts._replace(reader="rotated_rays")).depth
    np.testing.assert_allclose(along, distance_to_depth(depth, K), rtol=1e-6)
    assert along[2, 0] < 0.9


def test_an_unknown_reader_is_named(folders):
    with pytest.raises(BadSampleError, match=r"`reader` .*'other'"):
        read(folders, facts=FACTS._replace(reader="other"))
