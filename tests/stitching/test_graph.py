"""The pose graph: closed forms, a false loop, chunks that nothing connects."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vantage3d.geometry.similarity import IDENTITY, Similarity
from vantage3d.stitching.graph import Edge, Graph, Nodes, solve


def similarity(rng, size=1.0):
    turn = Rotation.from_rotvec(rng.normal(0, size, 3)).as_matrix()
    return Similarity(float(np.exp(rng.normal(0, 0.3))), turn, rng.normal(0, 2, 3))


def chain(count, rng):
    """Nodes, and the edges between neighbours as they are."""
    nodes = [IDENTITY, *(similarity(rng) for _ in range(count - 1))]
    return nodes, [
        Edge(i, i + 1, nodes[i].inverse().after(nodes[i + 1]), 0.01, "overlap")
        for i in range(count - 1)
    ]


def assert_same(found, expected, atol=1e-9):
    for one, other in zip(found, expected, strict=True):
        for a, b in zip(one, other):
            np.testing.assert_allclose(a, b, atol=atol)


def test_inverse_and_composition():
    rng = np.random.default_rng(0)
    a, b, points = similarity(rng), similarity(rng), rng.normal(size=(5, 3))
    np.testing.assert_allclose(a.after(b).points(points), a.points(b.points(points)))
    assert_same([a.after(a.inverse())], [IDENTITY])


def test_edges_that_agree_are_met():
    rng = np.random.default_rng(1)
    nodes, edges = chain(6, rng)
    loop = Edge(0, 5, nodes[5], 0.01, "loop")
    assert_same(solve([*edges, loop], np.ones(6)), nodes)


def test_a_contradiction_is_shared_out():
    """Scales around a ring: the logarithms of all edges give way alike."""
    turn = [Similarity(1.1, np.eye(3), np.zeros(3))] * 4
    edges = [Edge(i, i + 1, turn[i], 0.1, "overlap") for i in range(4)]
    loop = Edge(0, 4, IDENTITY, 0.1, "loop")
    found = solve([*edges, loop], np.ones(5))
    logs = np.log([node.scale for node in found])
    np.testing.assert_allclose(logs, np.arange(5) * np.log(1.1) / 5, atol=1e-6)


def test_a_false_loop_hardly_pulls():
    rng = np.random.default_rng(2)
    nodes, edges = chain(10, rng)
    wrong = Edge(0, 9, similarity(rng), 0.01, "loop")
    true = [
        Edge(a, b, nodes[a].inverse().after(nodes[b]), 0.01, "loop")
        for a, b in ((0, 8), (1, 9))
    ]
    assert_same(solve([*edges, *true, wrong], np.ones(10)), nodes, atol=0.03)


def test_derivatives_against_small_steps():
    rng = np.random.default_rng(3)
    nodes, edges = chain(4, rng)
    edges.append(Edge(3, 1, similarity(rng, 0.1), 0.02, "loop"))
    depths, start = np.array([1.0, 2, 3, 4]), Nodes.of(nodes)
    graph = Graph(edges, depths)
    by = np.concatenate([np.zeros((1, 7)), rng.normal(0, 1e-5, (3, 7))])
    moved = graph.errors(start.changed(by, depths)) - graph.errors(start)
    linear = graph.jacobian(start) @ by[1:].ravel()
    np.testing.assert_allclose(linear, moved.ravel(), atol=2e-6)


def test_a_chunk_that_nothing_connects():
    _, edges = chain(4, np.random.default_rng(4))
    with pytest.raises(ValueError, match=r"nothing connects chunk 2 .*2 of 4 chunks"):
        solve([edges[0], edges[2]], np.ones(4))
