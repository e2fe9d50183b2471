"""Labelled meshes of reconstructed scenes: what labels frames, and clouds of their own.

A dataset is a :class:`MeshLabeller`: which scenes and frames there are, and the
labelled vertices of a scene in the world of its poses.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData, PlyParseError
from scipy.spatial import cKDTree

from vantage3d.esam.converters.samples import (
    Arrays,
    Labeller,
    SampleName,
    choose,
    sample_generator,
)
from vantage3d.io.files import decoding, existing
from vantage3d.io.text import parse_json

MIN_ON_MESH = 0.3
COLORS = ("red", "green", "blue")
FACES = ("vertex_indices", "vertex_index")  # what programs call them
REMEDY = "Download the scene again"
Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LabelledMesh:
    """Vertices of a scene in the world of its poses, and what they show.

    Attributes:
        points: (V, 3) metres.
        colors: (V, 3) uint8 RGB.
        semantic: (V,) raw label id, 0 unannotated.
        instance: (V,) number of the object from 1 on, 0 none.
        segments: (V,) over-segmentation of the mesh, 0..M-1.
    """

    points: NDArray[np.float64]
    colors: NDArray[np.uint8]
    semantic: Ids
    instance: Ids
    segments: Ids

    @cached_property
    def tree(self) -> cKDTree:
        """Search tree of the vertices."""
        return cKDTree(self.points)

    def at(self, xyz: NDArray, max_distance: float) -> tuple[Ids, Ids, float]:
        """Labels of the nearest vertex of each point, 0 beyond ``max_distance`` (m).

        Returns:
            Semantic and instance ids, (N,) each, and the share of points within.
        """
        _, nearest = self.tree.query(xyz, distance_upper_bound=max_distance)
        semantic, instance = np.append(self.semantic, 0), np.append(self.instance, 0)
        share = float((nearest < self.tree.n).mean())
        return semantic[nearest], instance[nearest], share


class MeshLabeller(Labeller):
    """Frames whose points have the labels of the nearest mesh vertex.

    Attributes:
        root: Folder of the raw data.
        max_distance: Metres to the nearest vertex beyond which a point has no label.
        max_points: Vertices of a cloud that are kept, None for all.
    """

    root: Path
    max_distance: float
    max_points: int | None = None

    @abstractmethod
    def scenes(self) -> dict[str, list[str]]:
        """Scenes of the splits ``train`` and ``val`` that have a mesh."""

    @abstractmethod
    def mesh(self, scene: str) -> LabelledMesh:
        """The labelled mesh of a scene; the last one is kept.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If one is damaged, or they do not belong together.
        """

    @property
    def options(self) -> dict[str, Any]:
        return {"dataset": self.dataset, "--max-distance": self.max_distance}

    def cloud(self, scene: str) -> Arrays:
        """Vertices with labels; superpoints are the segments of the mesh.

        Which vertices are kept depends on the name of the scene alone.
        """
        mesh, rows = self.mesh(scene), slice(None)
        if self.max_points and len(mesh.points) > self.max_points:
            rng = sample_generator(0, scene)
            rows = np.sort(choose(len(mesh.points), self.max_points, rng))
        return {
            "points": np.concatenate([mesh.points, mesh.colors], axis=1)[rows],
            "semantic_mask": mesh.semantic[rows],
            "instance_mask": mesh.instance[rows],
            "super_points": np.unique(mesh.segments[rows], return_inverse=True)[1],
        }

    def labels(
        self, name: SampleName, shape: tuple[int, ...], pixels: NDArray, xyz: NDArray
    ) -> tuple[Ids, Ids]:
        semantic, instance, share = self.mesh(name.scene).at(xyz, self.max_distance)
        if share < MIN_ON_MESH:
            raise ValueError(
                f"only {100 * share:.1f} % of the points of {name.idx} are within "
                f"--max-distance {self.max_distance:g} m of the mesh, expected at "
                f"least {100 * MIN_ON_MESH:g} %: is the pose world-to-camera instead "
                "of camera-to-world, or of another scene?"
            )
        return semantic, instance


class PlyMesh(NamedTuple):
    """A mesh as its file has it.

    Attributes:
        points: (V, 3) vertices.
        colors: (V, 3) uint8 RGB.
        columns: Other values of vertices by name, (V,) each.
        faces: (F, 3) rows of ``points``.
    """

    points: NDArray[np.float64]
    colors: NDArray[np.uint8]
    columns: Mapping[str, NDArray]
    faces: NDArray[np.integer]


def read_mesh(path: Path, columns: tuple[str, ...] = ()) -> PlyMesh:
    """Vertices, with other ``columns`` if asked for, and triangles of a PLY file.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged, lacks a column or has other faces.
    """
    existing(path, "mesh", REMEDY)
    with decoding(f"mesh {path}", "damaged", REMEDY, PlyParseError):
        triangles = {"face": dict.fromkeys(FACES, 3)}
        ply = PlyData.read(path, known_list_len=triangles)
        vertex, face = ply["vertex"].data, ply["face"].data
        name, *_ = (name for name in FACES if name in face.dtype.names)
        faces = face[name]
    needed = (*"xyz", *COLORS, *columns)
    known = vertex.dtype.names
    if missing := [name for name in needed if name not in known]:
        raise ValueError(
            f"mesh {path} has no {missing} of its vertices, got {list(known)}. {REMEDY}"
        )
    points, colors = (
        np.stack([vertex[n] for n in names], axis=1) for names in ("xyz", COLORS)
    )
    own = {name: vertex[name] for name in columns}
    return PlyMesh(points.astype(np.float64), colors, own, faces)


def read_segments(path: Path, vertices: int) -> tuple[Ids, Ids]:
    """Numbers of the segments of a ``.segs.json``, and the place of each vertex among.

    Returns:
        (M,) in order, any numbers; (V,) 0..M-1.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged, or of another mesh.
    """
    with decoding(f"annotation file {path}", "no list of numbers", REMEDY):
        segments = np.array(read_json(path, "segIndices"), np.int64).reshape(-1)
    if len(segments) != vertices:
        raise ValueError(
            f"{path} has {len(segments)} segment ids, the mesh {vertices} vertices. "
            "Download both again"
        )
    return np.unique(segments, return_inverse=True)


def read_json(path: Path, key: str) -> list:
    """A list in a JSON file of annotations.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged or has no such key.
    """
    existing(path, "annotation file", REMEDY)
    with decoding(f"annotation file {path}", f"has no {key!r}", REMEDY):
        return parse_json(path.read_bytes())[key]
