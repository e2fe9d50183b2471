"""Triangle meshes of the visible surfaces of a scene, with labels per vertex."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_positive
from vantage3d.synthetic.render.scene import Scene, shade
from vantage3d.synthetic.render.solids import TINY, Floats

CONTACT = 0.003
SKIN = 1e-6


class Mesh(NamedTuple):
    """Surface samples."""

    vertices: Floats  # (N, 3) world points, metres
    colors: NDArray[np.uint8]  # (N, 3) RGB
    faces: NDArray[np.int32]  # (F, 3) vertex rows
    instance: NDArray[np.int32]  # (N,) 0 = none, else 1..
    segment: NDArray[np.int32]  # (N,) over-segmentation; each lies on one instance


def scene_mesh(
    scene: Scene,
    bounds: tuple[Floats, Floats],
    spacing: float = 0.03,
    patch: float = 0.5,
) -> Mesh:
    """Sample every surface inside ``bounds`` that no other solid covers.

    Args:
        scene: What to sample.
        bounds: (3,) low and (3,) high corner of what a scanner can reach; surfaces
            outside, such as the backs of walls, are left out.
        spacing: Largest distance between neighbouring vertices, metres.
        patch: Side of a segment in metres.

    Returns:
        The mesh. Vertices inside another solid, or with one within 3 mm above
        them, are left out, as a scanner never sees them.

    Raises:
        ValueError: If ``spacing`` is not positive.
    """
    check_positive("spacing", spacing)
    vertices, faces, segments, solids, rows = [], [], [], [], 0
    for number, solid in enumerate(scene.solids):
        for grid in solid.grids(spacing):
            points = grid.reshape(-1, 3) @ solid.rotation.T + solid.center
            near = (points >= bounds[0] - SKIN) & (points <= bounds[1] + SKIN)
            seen = near.all(axis=1)
            if seen.any():
                seen[seen] = ~_covered(scene, number, grid, points)[seen]
            if not seen.any():
                continue
            segment, triangles = _topology(grid.shape, round(patch / spacing) or 1)
            # A segment is named by its first vertex.
            _, first, inverse = np.unique(
                segment[seen], return_index=True, return_inverse=True
            )
            vertices.append(points[seen])
            new = np.cumsum(seen) - 1 + rows
            faces.append(new[triangles[seen[triangles].all(axis=1)]])
            segments.append((first + rows)[inverse])
            solids.append(np.full(int(seen.sum()), number))
            rows += int(seen.sum())
    points, numbers = np.concatenate(vertices), np.concatenate(solids)
    color = shade(scene.solids, scene.lamp, points, numbers)
    return Mesh(
        points,
        np.round(color * 255).astype(np.uint8),
        np.concatenate(faces).astype(np.int32),
        scene.instances[numbers + 1],
        np.concatenate(segments).astype(np.int32),
    )


def _topology(
    shape: tuple[int, ...], patch: int
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Segment of every point of an (R, C, 3) grid, and its triangles."""
    rows, columns, _ = shape
    number = np.arange(rows * columns).reshape(rows, columns)
    r, c = np.divmod(number.ravel(), columns)
    a, b = number[:-1, :-1].ravel(), number[:-1, 1:].ravel()
    d, e = number[1:, :-1].ravel(), number[1:, 1:].ravel()
    faces = np.concatenate([np.stack([a, d, b], 1), np.stack([b, d, e], 1)])
    return (r // patch) * (columns // patch + 1) + c // patch, faces


def _covered(
    scene: Scene, own: int, grid: Floats, vertices: Floats
) -> NDArray[np.bool_]:
    """(N,) whether another solid contains a vertex or the point 3 mm above it."""
    covered = np.zeros(len(vertices), bool)
    others = [scene.solids[n] for n in scene.near(vertices, CONTACT) if n != own]
    if not others:
        return covered
    normals = np.cross(np.gradient(grid, axis=0), np.gradient(grid, axis=1))
    length = np.linalg.norm(normals, axis=2, keepdims=True)  # zero at a pole
    normals = (normals / np.maximum(length, TINY)).reshape(-1, 3)
    normals = normals @ scene.solids[own].rotation.T
    for points in (vertices, vertices + CONTACT * normals):
        for solid in others:
            covered |= solid.contains(solid.to_local(points), -SKIN)
    return covered
