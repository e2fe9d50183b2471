"""What is known of instances: means over detections, and what it costs to add some."""

import numpy as np
import pytest

from vantage3d.esam.online.tracks import Detections, Tracks
from vantage3d.esam.online.voxel_map import Sight

POINT, NOTHING = np.zeros((1, 3)), Sight(np.zeros(0, np.int64), np.zeros(0))


def found(number: int, **values) -> Detections:
    """So many detections of one point."""
    labels = np.zeros(number, np.int64)
    masks = np.ones((number, 1), bool)
    values = {"scores": np.full(number, 0.5), **values}
    return Detections(masks, labels, points=POINT, **values)


def test_a_class_has_the_mean_of_its_frames():
    """Weighted by scores; one frame that is sure does not outvote three that are."""
    tracks = Tracks(2)
    for score, share in ((0.9, 0.2), (0.3, 1.0), (0.6, 0.8)):
        shares = np.array([[share, 1 - share]])
        one = found(1, scores=np.array([score]), shares=shares)
        tracks.observe(np.array([0]), one, 0, NOTHING)
    mean = (0.9 * 0.2 + 0.3 * 1.0 + 0.6 * 0.8) / 1.8
    assert tracks.labels.tolist() == [0]
    assert tracks.label_scores[0] == pytest.approx(mean)


def test_instances_grow_without_being_copied_each_time():
    """Rows are those that were given, in a few arrays one after another."""
    number = 200
    feats = np.random.default_rng(0).normal(size=(number, 4))
    tracks, rooms = Tracks(3), []
    for row in range(number):
        tracks.observe(np.array([row]), found(1, feats=feats[[row]]), row, NOTHING)
        if not any(tracks.feats.base is room for room in rooms):
            rooms.append(tracks.feats.base)
    assert len(rooms) <= np.log(number) / np.log(1.25)
    np.testing.assert_array_equal(tracks.feats, feats.astype(np.float32))
    np.testing.assert_array_equal(tracks.first, np.arange(number))
    assert tracks.votes.tolist() == [[0.5, 0, 0]] * number
    assert tracks.boxes.shape == (number, 0)
