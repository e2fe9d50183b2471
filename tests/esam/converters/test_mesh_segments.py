"""Segments of meshes: closed forms, a slow obvious version, and a room."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from vantage3d.esam.converters.mesh_segments import _edges, mesh_segments
from vantage3d.synthetic import make_room, scene_mesh


def grid(columns, rows):
    """Vertices (x, y) of a grid and its triangles."""
    x, y = (axis.ravel() for axis in np.meshgrid(range(columns), range(rows)))
    at = np.arange(columns * rows).reshape(rows, columns)
    a, b, c, d = (
        at[i : rows - 1 + i, j : columns - 1 + j].ravel()
        for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))
    )
    return x, y, np.concatenate([np.stack(t, 1) for t in ((a, b, c), (b, d, c))])


def folded(angle):
    """Two planes of 9 x 8 vertices that share a line, at an angle to each other."""
    x, y, faces = grid(17, 8)
    turned = np.maximum(x - 8, 0)
    points = [np.minimum(x, 8) + turned * np.cos(angle), y, turned * np.sin(angle)]
    return x, np.stack(points, 1).astype(np.float64) * 0.02, faces


@pytest.mark.parametrize("angle", [np.pi / 2, np.pi / 4])
def test_planes_at_an_angle_are_segments(angle):
    x, points, faces = folded(angle)
    ids = mesh_segments(points, faces)
    assert set(ids) == {0, 1}
    for side in (x < 8, x > 8):
        assert len(set(ids[side])) == 1
    assert len(set(ids[(x == 0) | (x == 16)])) == 2


def test_a_plane_is_one_segment_and_so_is_what_is_small():
    _, points, faces = folded(0.0)
    assert set(mesh_segments(points, faces)) == {0}
    _, points, faces = folded(np.pi / 2)
    assert set(mesh_segments(points, faces, min_size=100)) == {0}
    apart = np.concatenate([points, points + 5]), np.concatenate([faces, faces + 136])
    assert len(set(mesh_segments(*apart, min_size=100))) == 2


def test_outward_bends_weigh_less_than_inward_ones():
    for angle, outwards in ((0.6, False), (-0.6, True)):
        x, points, faces = folded(angle)
        first, second, weights = _edges(points, faces)
        at_fold = (x[first] == 8) != (x[second] == 8)
        cos = np.cos(abs(angle) / 2)  # the normals of the fold lie half way
        expected = (1 - cos) ** 2 if outwards else 1 - cos
        inner = at_fold & (points[first, 1] > 0.01) & (points[second, 1] < 0.13)
        assert np.median(weights[inner & (weights > 1e-9)]) == pytest.approx(
            expected, rel=0.1
        )


def test_slow_and_obvious():
    """The paper's rule with sets, on random heights."""
    rng = np.random.default_rng(0)
    x, y, faces = grid(7, 6)
    points = np.stack([x, y, rng.normal(0, 0.3, 42)], 1).astype(np.float64)
    first, second, weights = _edges(points, faces)
    order = np.argsort(weights, kind="stable")
    of = [frozenset([i]) for i in range(42)]
    inner = dict.fromkeys(of, 0.0)
    for i in order:
        a, b = of[first[i]], of[second[i]]
        if a != b and weights[i] <= min(inner[s] + 0.2 / len(s) for s in (a, b)):
            inner[joined := a | b] = weights[i]
            for member in joined:
                of[member] = joined
    ids = mesh_segments(points, faces, threshold=0.2, min_size=1)
    expected = np.array([[a == b for b in of] for a in of])
    np.testing.assert_array_equal(ids[:, None] == ids, expected)
    assert 1 < len(set(ids)) < 42


def test_segments_of_a_room_lie_on_one_object():
    room = make_room(3)
    mesh = scene_mesh(room, room.bounds, spacing=0.08)
    ids = mesh_segments(mesh.vertices, mesh.faces)
    table = np.zeros((ids.max() + 1, mesh.instance.max() + 1), int)
    np.add.at(table, (ids, mesh.instance), 1)
    assert table.max(1).sum() / table.sum() > 0.99
    rows, columns = mesh.faces[:, [0, 1, 2]].ravel(), mesh.faces[:, [1, 2, 0]].ravel()
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), (len(ids), len(ids)))
    surfaces = connected_components(graph, directed=False)[0]
    assert surfaces <= len(table) < 1.2 * surfaces
