"""Over-segmentation of a mesh, where its dataset has none.

Felzenszwalb and Huttenlocher 2004 on the edges of the mesh, as ScanNet's own segments
are made: what separates two vertices is the angle between their normals.
"""

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
THRESHOLD, MIN_SIZE = 0.01, 20  # ScanNet's


def mesh_segments(
    points: NDArray[np.float64],
    faces: NDArray[np.integer],
    threshold: float = THRESHOLD,
    min_size: int = MIN_SIZE,
) -> Ids:
    """(V,) segment of each vertex, 0..M-1.

    Args:
        points: (V, 3) vertices.
        faces: (F, 3) rows of ``points``.
        threshold: Weight that a single vertex may differ by; larger, larger segments.
        min_size: Vertices of the smallest segment of a connected surface.
    """
    first, second, weights = _edges(points, faces)
    order = np.argsort(weights, kind="stable")
    edges = first[order].tolist(), second[order].tolist()
    forest = _Forest(len(points), threshold)
    for a, b, weight in zip(*edges, weights[order].tolist()):
        a, b = forest.root(a), forest.root(b)
        if a != b and weight <= forest.limit[a] and weight <= forest.limit[b]:
            forest.join(a, b, weight)
    for a, b in zip(*edges):
        a, b = forest.root(a), forest.root(b)
        if a != b and min(forest.size[a], forest.size[b]) < min_size:
            forest.join(a, b, 0.0)
    roots = np.array([forest.root(vertex) for vertex in range(len(points))])
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def _edges(
    points: NDArray[np.float64], faces: NDArray[np.integer]
) -> tuple[Ids, Ids, NDArray[np.float64]]:
    """Vertices of each edge, and 1 - cos of the angle between their normals.

    Where a surface bends outwards that is squared, since objects end where one bends
    inwards.
    """
    corners = points[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.stack(
        [
            np.bincount(faces.ravel(), np.repeat(axis, 3), minlength=len(points))
            for axis in across.T
        ],
        axis=1,
    )
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    first, second = np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int64).T
    weights = 1 - (normals[first] * normals[second]).sum(1)
    turn, step = normals[second] - normals[first], points[second] - points[first]
    outwards = (turn * step).sum(1) > 0
    return first, second, np.where(outwards, weights**2, weights)


class _Forest:
    """Disjoint sets of vertices with the weight that each may differ by."""

    def __init__(self, number: int, threshold: float) -> None:
        self.threshold = threshold
        self.parent, self.size = list(range(number)), [1] * number
        self.limit = [threshold] * number

    def root(self, vertex: int) -> int:
        parent = self.parent
        while parent[vertex] != vertex:
            parent[vertex] = parent[parent[vertex]]
            vertex = parent[vertex]
        return vertex

    def join(self, a: int, b: int, weight: float) -> None:
        if self.size[a] < self.size[b]:
            a, b = b, a
        self.parent[b] = a
        self.size[a] += self.size[b]
        self.limit[a] = weight + self.threshold / self.size[a]
