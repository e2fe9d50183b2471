"""Superpoints of geometry alone: blind for the image, closed forms for the depth."""

import numpy as np
import pytest

from vantage3d.esam.converters.segmenters import SegmenterOptions, build_segmenter

H, W = 120, 160


@pytest.fixture
def depth():
    return np.full((H, W), 2.0, np.float32)


@pytest.fixture
def segmenter():
    return build_segmenter(SegmenterOptions("geometry", cell=0.1))


def test_the_image_does_not_matter(segmenter, depth):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (H, W, 3), dtype=np.uint8) for _ in range(2)]
    images[1][:, W // 2 :] = 0
    first, second = (segmenter(image, depth, "") for image in images)
    assert np.array_equal(first, second)


def test_a_plane_is_cut_into_equal_cells(segmenter, depth):
    labels = segmenter(np.zeros((H, W, 3), np.uint8), depth, "")
    sizes = np.bincount(labels.ravel())
    assert len(sizes) == pytest.approx(H * W / (0.1 * W) ** 2, rel=0.1)
    assert sizes.min() > 0.7 * sizes.max()


def test_a_jump_of_depth_is_a_border(segmenter, depth):
    depth[:, 77:] = 2.6
    labels = segmenter(np.zeros((H, W, 3), np.uint8), depth, "")
    assert not set(labels[:, :75].ravel()) & set(labels[:, 79:].ravel())


def test_missing_depth_has_no_superpoint(segmenter, depth):
    image = np.zeros((H, W, 3), np.uint8)
    depth[:10] = 0
    labels = segmenter(image, depth, "")
    assert (labels[:10] == -1).all() and (labels[10:] >= 0).all()
    assert (segmenter(image, 0 * depth, "") == -1).all()


def test_a_bad_cell():
    with pytest.raises(ValueError, match="between 0 and 1, got 2"):
        build_segmenter(SegmenterOptions("geometry", cell=2))
