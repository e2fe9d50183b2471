"""The probe of neighbouring superpoints, against values known beforehand."""

import re

import numpy as np
import pytest

from vantage3d.esam.fusion_check.pair_probe import probe_frame, roc_area


def test_roc_area_by_hand():
    values, positive = np.array([1.0, 2, 2, 3]), np.array([False, True, False, True])
    # pairs (2, 1) (2, 2 tie) (3, 1) (3, 2): 1 + 0.5 + 1 + 1 of 4
    assert roc_area(values, positive) == 3.5 / 4
    with pytest.raises(ValueError, match=re.escape("both kinds, got 4 of 4")):
        roc_area(values, np.ones(4, bool))


@pytest.fixture
def plane():
    """A plane of 8 x 8 cells of 10 cm; instances are its halves, cell by cell."""
    rng = np.random.default_rng(0)
    xyz = np.append(rng.uniform(0, 0.8, (20000, 2)), np.zeros((20000, 1)), axis=1)
    cell = np.floor(xyz[:, :2] / 0.1).astype(int)
    color = rng.uniform(0, 1, (20000, 3))
    instance = (cell[:, 0] >= 4).astype(int)
    return np.append(xyz, color, axis=1), cell @ [8, 1], instance


def test_features_of_instances_tell_them_apart_and_noise_does_not(plane):
    points, superpoints, instances = plane
    feats = np.eye(2)[instances]
    pairs = probe_frame(points, superpoints, instances, feats, 0.05)
    differs = pairs.pop("differs") > 0
    assert 0.05 < differs.mean() < 0.3
    areas = {name: roc_area(values, differs) for name, values in pairs.items()}
    assert areas["image features"] == 1
    assert areas["mean colour, 5 cm"] == pytest.approx(0.5, abs=0.1)


def test_a_texture_finer_than_the_voxels_is_seen_by_finer_ones(plane):
    """Stripes of 2 cm beside their mean: the same colour in voxels of 4 cm."""
    points, superpoints, instances = plane
    stripes = np.floor(points[:, 1] / 0.02) % 2
    points[:, 3:] = np.where(instances == 1, stripes, 0.5)[:, None]
    pairs = probe_frame(points, superpoints, instances, None, 0.04)
    differs = pairs.pop("differs") > 0
    areas = {name: roc_area(values, differs) for name, values in pairs.items()}
    assert "image features" not in areas
    assert areas["spread of colour, 2 cm"] == areas["colour histogram, 1 cm"] == 1
    assert areas["mean colour, 1 cm"] < 0.8 and areas["spread of colour, 4 cm"] < 1


def test_superpoints_on_a_border_or_around_a_corner_make_no_pair(plane):
    points, superpoints, instances = plane
    mixed = (points[:, 0] > 0.35).astype(int)  # the border crosses cells of column 3
    pairs = probe_frame(points, superpoints, mixed, np.eye(2)[mixed], 0.05)
    column = np.bincount(superpoints, superpoints // 8) / np.bincount(superpoints)
    assert (column == 3).sum() == 8
    assert pairs["position"].min() > 0.08
    bent = points.copy()
    bent[:, 2] = np.maximum(points[:, 0] - 0.4, 0)  # a fold where instances meet
    pairs = probe_frame(bent, superpoints, instances, np.eye(2)[instances], 0.05)
    assert not pairs["differs"].any()


def test_errors(plane):
    points, superpoints, instances = plane
    with pytest.raises(ValueError, match=r"`points` must have shape \(N, 6\)"):
        probe_frame(points[:, :3], superpoints, instances, points, 0.05)
