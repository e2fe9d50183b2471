"""Pieces of detections, on strips of surface along a line."""

import numpy as np
from mmdet3d.structures import PointData

from vantage3d.esam.online.association import RULES
from vantage3d.esam.online.pieces import CELL, LEAST, REACH, in_pieces
from vantage3d.esam.online.tracks import Detections

STEP = 0.01  # metres between points


def strips(*places: tuple[float, int], masks: list[list[int]]) -> tuple:
    """Detections of strips, and the superpoints that these are.

    Args:
        *places: Where each begins along x, metres, and how many points it has.
        masks: Which strips each detection has.
    """
    along = [start + STEP * np.arange(count) for start, count in places]
    superpoints = np.repeat(np.arange(len(places)), [count for _, count in places])
    points = np.zeros((len(superpoints), 3))
    points[:, 0] = np.concatenate(along)
    found = Detections(
        np.array([np.isin(superpoints, own) for own in masks]),
        np.arange(len(masks)),
        np.linspace(0.9, 0.5, len(masks)),
        points,
        feats=np.eye(len(masks)),
        boxes=np.zeros((len(masks), 6)),
    )
    return found, superpoints


def shown(found: Detections, superpoints: np.ndarray) -> list[list[int]]:
    """Strips of each detection."""
    return [np.unique(superpoints[mask]).tolist() for mask in found.masks]


def test_what_is_far_from_each_other_is_two():
    """Strips of 0.5 m: 0 and 1 follow each other, 2 is a metre away."""
    found, of = strips((0, 50), (0.5, 50), (2, 50), masks=[[0, 1, 2], [1], [0, 2]])
    pieces = in_pieces(found, of)
    assert shown(pieces, of) == [[0, 1], [2], [1], [0], [2]]
    assert pieces.labels.tolist() == [0, 0, 1, 2, 2]
    np.testing.assert_array_equal(pieces.scores, found.scores[[0, 0, 1, 2, 2]])
    np.testing.assert_array_equal(pieces.feats, np.eye(3)[[0, 0, 1, 2, 2]])
    assert pieces.boxes is None  # those of the whole


def test_a_third_superpoint_holds_two_together_only_where_the_detection_has_it():
    found, of = strips((0, 50), (0.5, 50), (1, 50), masks=[[0, 1, 2], [0, 2]])
    assert shown(in_pieces(found, of), of) == [[0, 1, 2], [0], [2]]


def test_the_reach_is_metres_between_points_of_cells():
    """One point of a cell is looked at, so it is exact to two cells."""
    near = REACH - 2 * CELL
    for gap, expected in ((near, [[0, 1]]), (REACH + STEP, [[0], [1]])):
        start = 49 * STEP + gap
        found, of = strips((0, 50), (start, 50), masks=[[0, 1]])
        assert shown(in_pieces(found, of), of) == expected


def test_scraps_are_dropped_unless_there_is_nothing_larger():
    found, of = strips((0, LEAST - 1), (1, 50), (3, LEAST), masks=[[0, 1, 2], [0]])
    assert shown(in_pieces(found, of), of) == [[1], [2], [0]]


def test_superpoints_are_never_cut():
    """Far points of one superpoint, as a mask of an image may have, stay together."""
    found, of = strips((0, 50), (2, 50), masks=[[0]])
    whole = np.zeros_like(of)
    everything = found._replace(masks=np.ones((1, 100), bool))
    assert in_pieces(everything, whole).masks.all()


def test_a_frame_without_detections_has_none():
    found, of = strips((0, 50), masks=[[0]])
    assert in_pieces(found.kept(np.zeros(1, bool)), of).masks.shape == (0, 50)


def test_ids_by_space_take_pieces_and_other_rules_what_the_model_says():
    found, of = strips((0, 50), (2, 50), (4, 50), masks=[[0, 1], [2]])
    said = PointData(
        pts_instance_mask=[found.masks],
        instance_labels=found.labels,
        instance_scores=found.scores,
    )
    for name, rule in RULES.items():
        taken = rule.detections(said, found.points, of, least_score=0.6)
        expected = [[0], [1]] if name == "voxels" else [[0, 1]]
        assert shown(taken, of) == expected
