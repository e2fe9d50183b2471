"""Triangle meshes of the visible surfaces of a scene, with labels per vertex."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from projects.common.synthetic.scene import Scene, surface_color
from projects.common.synthetic.solids import Floats, Grid, Solid

CONTACT = 0.004


class Mesh(NamedTuple):
    """Surface samples.

    Attributes:
        vertices: (N, 3) world points, metres.
        colors: (N, 3) uint8 RGB.
        faces: (F, 3) int32 vertex rows.
        instance: (N,) int32, 0 = none, else 1..
        segment: (N,) int32 over-segmentation; a segment lies on one instance.
    """

    vertices: Floats
    colors: NDArray[np.uint8]
    faces: NDArray[np.int32]
    instance: NDArray[np.int32]
    segment: NDArray[np.int32]


def scene_mesh(scene: Scene, spacing: float = 0.025, patch: float = 0.5) -> Mesh:
    """Sample every surface that is not covered by another solid.

    Args:
        scene: What to sample.
        spacing: Largest distance between neighbouring vertices, metres.
        patch: Side of a segment in metres.

    Returns:
        The mesh; vertices inside or in contact with another solid are left out, as
        a scanner never sees them.
    """
    parts = [
        _grid_mesh(solid, grid, scene, max(1, round(patch / spacing)))
        for solid in scene.solids
        for grid in solid.grids(spacing)
    ]
    return _join(parts)


def _grid_mesh(solid: Solid, grid: Grid, scene: Scene, patch: int) -> Mesh:
    """Mesh of one grid, without covered vertices."""
    rows, columns = grid.points.shape[:2]
    local = grid.points.reshape(-1, 3)
    vertices = local @ solid.rotation.T + solid.center
    seen = ~_covered(vertices, solid, scene)
    r, c = np.divmod(np.arange(rows * columns), columns)
    segment = (r // patch) * (columns // patch + 1) + c // patch
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b = number[:-1, :-1].ravel(), number[:-1, 1:].ravel()
    d, e = number[1:, :-1].ravel(), number[1:, 1:].ravel()
    faces = np.concatenate([np.stack([a, d, b], 1), np.stack([b, d, e], 1)])
    faces = faces[seen[faces].all(axis=1)]
    new = (np.cumsum(seen) - 1).astype(np.int32)
    color = surface_color(solid, vertices[seen], scene.light)
    return Mesh(
        vertices[seen],
        np.round(color * 255).astype(np.uint8),
        new[faces],
        np.full(seen.sum(), solid.instance, np.int32),
        segment[seen].astype(np.int32),
    )


def _covered(vertices: Floats, own: Solid, scene: Scene) -> NDArray[np.bool_]:
    """(N,) whether another solid contains or touches each vertex."""
    covered = np.zeros(len(vertices), bool)
    low, high = vertices.min(axis=0) - CONTACT, vertices.max(axis=0) + CONTACT
    for solid in scene.solids:
        corners = solid.corners
        apart = (corners.min(axis=0) > high) | (corners.max(axis=0) < low)
        if solid is not own and not apart.any():
            covered |= solid.contains(solid.to_local(vertices), CONTACT)
    return covered


def _join(parts: list[Mesh]) -> Mesh:
    """One mesh; segments are renumbered to the row of their first vertex."""
    rows = np.cumsum([0, *(len(part.vertices) for part in parts)])
    faces = [part.faces + row for part, row in zip(parts, rows)]
    segments = []
    for part, row in zip(parts, rows):
        _, first, inverse = np.unique(
            part.segment, return_index=True, return_inverse=True
        )
        segments.append((first + row)[inverse].astype(np.int32))
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.colors for part in parts]),
        np.concatenate(faces).astype(np.int32),
        np.concatenate([part.instance for part in parts]),
        np.concatenate(segments),
    )
