"""All chunks in one world: a pose graph over Sim(3).

Nodes are chunks, an edge says how one lies in another, and how surely. The start comes
from the surest edges that connect everything (a minimum spanning tree); then all edges
are made to agree as well as they can, by Levenberg and Marquardt's steps on sparse
normal equations. Errors count by Cauchy's function, whose width shrinks: at first a
loop may pull though drift is far beyond its sigma, in the end a wrong one cannot.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix, csc_matrix, diags
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from scipy.sparse.linalg import splu
from scipy.spatial.transform import Rotation

from vantage3d.geometry.similarity import IDENTITY, Floats, Similarity

FREE = 7  # of a similarity: logarithm of the scale, rotation vector, translation
STEP = 1e-6  # of numerical derivatives
MOST_STEPS, ENOUGH = 50, 1e-8  # of the solver, and the relative gain that ends it
WIDTHS = (100.0, 30.0, 10.0, 3.0)  # sigmas beyond which an edge counts less
LINK = 5.0  # a loop is taken for the start only if it is so many times as sure


class Edge(NamedTuple):
    """How a chunk lies in another.

    Attributes:
        first: Number of the chunk that is the target.
        second: Number of the chunk that is the source.
        similarity: From the second to the first.
        sigma: Standard deviation relative to the depth of the scene, which is that of
            angles and of the scale's logarithm too.
        kind: ``overlap``, ``bridge`` or ``loop``.
        share: Of what was aligned, the share that agrees.
    """

    first: int
    second: int
    similarity: Similarity
    sigma: float
    kind: str
    share: float = 1.0


class Nodes(NamedTuple):
    """N similarities: (N,), (N, 3, 3) and (N, 3)."""

    scales: Floats
    rotations: Floats
    shifts: Floats

    @classmethod
    def of(cls, similarities: Sequence[Similarity]) -> "Nodes":
        """As arrays."""
        return cls(*(np.stack([s[i] for s in similarities]) for i in range(3)))

    def at(self, index: Floats) -> "Nodes":
        """Some of them."""
        return Nodes(self.scales[index], self.rotations[index], self.shifts[index])

    def changed(self, by: Floats, depths: Floats) -> "Nodes":
        """Each followed by a small similarity, (N, 7), of points ``depths`` away."""
        turns = Rotation.from_rotvec(by[:, 1:4]).as_matrix()
        moved = np.einsum("nij,nj->ni", self.rotations, by[:, 4:] * depths[:, None])
        return Nodes(
            self.scales * np.exp(by[:, 0]),
            self.rotations @ turns,
            self.shifts + self.scales[:, None] * moved,
        )


class Graph:
    """Edges as arrays, and how far they are from agreeing.

    Args:
        edges: The edges.
        depths: (N,) typical depth of each chunk, in its unit.
    """

    def __init__(self, edges: Sequence[Edge], depths: Floats) -> None:
        self.first, self.second = (np.array([e[i] for e in edges]) for i in (0, 1))
        self.back = Nodes.of([edge.similarity.inverse() for edge in edges])
        self.sigma = np.array([edge.sigma for edge in edges])[:, None]
        self.depths = depths

    def off(self, a: Nodes, b: Nodes) -> Floats:
        """(E, 7) of Z^-1 A^-1 B in sigmas, zero where an edge holds.

        Args:
            a: The first node of each edge.
            b: Its second.
        """
        turn = a.rotations.transpose(0, 2, 1)
        apart = np.einsum("eij,ej->ei", turn, b.shifts - a.shifts)
        apart = apart * (self.back.scales / a.scales)[:, None]
        shift = np.einsum("eij,ej->ei", self.back.rotations, apart) + self.back.shifts
        turned = self.back.rotations @ turn @ b.rotations
        angle = Rotation.from_matrix(turned).as_rotvec()
        size = np.log(self.back.scales * b.scales / a.scales)
        parts = [size[:, None], angle, shift / self.depths[self.second][:, None]]
        return np.concatenate(parts, axis=1) / self.sigma

    def errors(self, nodes: Nodes) -> Floats:
        """(E, 7) of all edges."""
        return self.off(nodes.at(self.first), nodes.at(self.second))

    def jacobian(self, nodes: Nodes) -> csc_matrix:
        """(7 E, 7 (N - 1)) by central differences; the first node is fixed."""
        values, rows, columns = [], [], []
        places = np.arange(FREE * len(self.first)).reshape(-1, FREE)
        ends = self.first, self.second
        for side, index in enumerate(ends):
            free = np.flatnonzero(index > 0)
            for number in range(FREE):
                by = np.zeros((len(index), FREE))
                both = []
                for sign in (1, -1):
                    by[:, number] = sign * STEP
                    moved = [nodes.at(end) for end in ends]
                    moved[side] = moved[side].changed(by, self.depths[index])
                    both.append(self.off(*moved))
                values.append(((both[0] - both[1]) / (2 * STEP))[free].ravel())
                rows.append(places[free].ravel())
                columns.append(np.repeat(FREE * (index[free] - 1) + number, FREE))
        shape = places.size, FREE * (len(self.depths) - 1)
        where = np.concatenate(rows), np.concatenate(columns)
        return coo_matrix((np.concatenate(values), where), shape).tocsc()


def solve(edges: Sequence[Edge], depths: Floats) -> list[Similarity]:
    """Where every chunk lies in the world of the first.

    Args:
        edges: Edges that connect all chunks.
        depths: (N,) typical depth of each chunk, in its unit.

    Raises:
        ValueError: If the edges leave a chunk out.
    """
    start = spanning(edges, len(depths))
    if len(start) == 1:
        return start
    graph, nodes = Graph(edges, depths), Nodes.of(start)
    for width in WIDTHS:
        nodes = descend(graph, nodes, width)
    return [Similarity(float(a), b, c) for a, b, c in zip(*nodes)]


def descend(graph: Graph, nodes: Nodes, width: float) -> Nodes:
    """Nodes at which the edges agree best, by Cauchy's function of a width."""
    damping, errors = 1e-6, graph.errors(nodes)
    cost = cauchy(errors, width)
    for _ in range(MOST_STEPS):
        J = graph.jacobian(nodes)
        weights = 1 / (1 + (errors**2).sum(1) / width**2)
        weighted = diags(np.repeat(weights, FREE)) @ J
        normal, slope = J.T @ weighted, weighted.T @ errors.ravel()
        damped = normal + damping * diags(normal.diagonal() + 1e-12)
        step = splu(damped.tocsc()).solve(-slope)
        by = np.concatenate([np.zeros(FREE), step]).reshape(-1, FREE)
        trial = nodes.changed(by, graph.depths)
        found = graph.errors(trial)
        if (now := cauchy(found, width)) < cost:
            gain = (cost - now) / cost
            nodes, errors, cost, damping = trial, found, now, max(damping / 10, 1e-12)
            if gain < ENOUGH:
                break
        elif damping > 1e6:
            break
        else:
            damping *= 10
    return nodes


def cauchy(errors: Floats, width: float) -> float:
    """Cost of (E, 7) errors in sigmas; a far one adds its logarithm."""
    return float(np.log1p((errors**2).sum(1) / width**2).sum())


def spanning(edges: Sequence[Edge], count: int) -> list[Similarity]:
    """Similarities to the first chunk along the surest edges.

    Raises:
        ValueError: If the edges leave a chunk out.
    """
    best: dict[tuple[int, int], Edge] = {}
    for edge in edges:
        pair = edge.first, edge.second
        if pair not in best or edge.sigma < best[pair].sigma:
            best[pair] = edge
    rows, columns = zip(*best) if best else ((), ())
    sigmas = [
        edge.sigma * (1 if edge.kind == "overlap" else LINK) for edge in best.values()
    ]
    weights = coo_matrix((sigmas, (rows, columns)), shape=(count, count))
    tree = minimum_spanning_tree(weights.tocsr())
    order, before = breadth_first_order(tree, 0, directed=False)
    if len(order) < count:
        left = sorted(set(range(count)) - set(order.tolist()))
        raise ValueError(
            f"nothing connects chunk {left[0]} with the first ({len(left)} of {count} "
            "chunks): no alignment of its frames was found"
        )
    found = {0: IDENTITY}
    for node in order[1:].tolist():
        parent = int(before[node])
        if (parent, node) in best:
            step = best[parent, node].similarity
        else:
            step = best[node, parent].similarity.inverse()
        found[node] = found[parent].after(step)
    return [found[node] for node in range(count)]
