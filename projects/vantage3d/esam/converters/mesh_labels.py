"""Labels of a ScanNet scene, carried from its mesh vertices to any points."""

import csv
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData, PlyParseError
from scipy.spatial import cKDTree

LABEL_COLUMNS = ("id", "nyu40id")


class MeshLabels(NamedTuple):
    """Vertices of a mesh in the unaligned frame and their labels.

    Attributes:
        tree: Search tree of the (V, 3) vertices, metres.
        semantic: (V,) int64, raw label id, 0 unannotated.
        instance: (V,) int64, object id + 1, 0 none.
    """

    tree: cKDTree
    semantic: NDArray[np.int64]
    instance: NDArray[np.int64]

    def at(
        self, xyz: NDArray, max_distance: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
        """Labels of the nearest vertex of each point, 0 beyond ``max_distance`` (m).

        Returns:
            Semantic and instance ids, (N,) each, and the share of points within.
        """
        _, nearest = self.tree.query(xyz, distance_upper_bound=max_distance)
        semantic, instance = np.append(self.semantic, 0), np.append(self.instance, 0)
        share = float((nearest < self.tree.n).mean())
        return semantic[nearest], instance[nearest], share


@lru_cache(maxsize=1)
def load_mesh_labels(folder: Path, label_table: Path, column: str) -> MeshLabels:
    """Vertices and labels of the scene in ``3D/<scene>``.

    Args:
        folder: Holds the ``_vh_clean_2.ply`` mesh, segments and aggregation.
        label_table: ``scannetv2-labels.combined.tsv``.
        column: ``id`` (ScanNet200) or ``nyu40id`` (ScanNet20).

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If one is damaged, or they do not belong together.
    """
    scene = folder.name
    vertices = _vertices(folder / f"{scene}_vh_clean_2.ply")
    segs_path = folder / f"{scene}_vh_clean_2.0.010000.segs.json"
    segments = np.asarray(_json(segs_path, "segIndices"), dtype=np.int64)
    if len(segments) != len(vertices):
        raise ValueError(
            f"{segs_path} has {len(segments)} segment ids, the mesh {len(vertices)} "
            "vertices. Download both again"
        )
    ids = read_label_table(label_table, column)
    # Segment ids are arbitrary numbers: labels are looked up by their rank.
    unique, rank = np.unique(segments, return_inverse=True)
    semantic, instance = np.zeros((2, len(unique)), dtype=np.int64)
    aggregation = folder / f"{scene}.aggregation.json"
    for index, group in enumerate(_json(aggregation, "segGroups")):
        _check_group(group, index, aggregation)
        if group["label"] not in ids:
            raise ValueError(
                f"{aggregation} has the label {group['label']!r}, which {label_table} "
                "does not list. Download the label table again"
            )
        chosen = np.isin(unique, group["segments"])
        semantic[chosen] = ids[group["label"]]
        instance[chosen] = group["objectId"] + 1
    return MeshLabels(cKDTree(vertices), semantic[rank], instance[rank])


def _check_group(group: Any, index: int, path: Path) -> None:
    keys = ("label", "segments", "objectId")
    missing = [key for key in keys if not isinstance(group, dict) or key not in group]
    if missing:
        raise ValueError(
            f"{path}: entry {index} of `segGroups` has no {missing}. Download it again"
        )


def axis_alignment(path: Path) -> NDArray[np.float64]:
    """(4, 4) ``axisAlignment`` of ``<scene>.txt``; identity where the line is absent.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If the line has not 16 numbers.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"scene file {path} is missing. Download the scene again"
        )
    for line in path.read_text().splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "axisAlignment":
            numbers = np.array(value.split(), dtype=np.float64)
            if numbers.size != 16:
                raise ValueError(
                    f"{path}: axisAlignment has {numbers.size} numbers, expected 16"
                )
            return numbers.reshape(4, 4)
    return np.eye(4)


def _vertices(path: Path) -> NDArray[np.float64]:
    try:
        ply = PlyData.read(path, known_list_len={"face": {"vertex_indices": 3}})
        vertex = ply["vertex"]
        return np.stack([vertex[axis] for axis in "xyz"], axis=1).astype(np.float64)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"mesh {path} is missing. Download the scene again"
        ) from None
    except (PlyParseError, KeyError, ValueError) as error:
        raise ValueError(
            f"mesh {path} is truncated or damaged ({error}). Download it again"
        ) from error


def _json(path: Path, key: str) -> list:
    try:
        return json.loads(path.read_bytes())[key]
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path} is missing. Download the scene again"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is truncated or has no {key!r} ({error!r}). Download it again"
        ) from error


@lru_cache(maxsize=1)
def read_label_table(path: Path, column: str) -> dict[str, int]:
    """Label id of each raw category.

    Raises:
        FileNotFoundError: If the table is missing.
        ValueError: If it lacks a column.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"label table {path} is missing. It comes with the ScanNet download"
        )
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    if not rows or not {"raw_category", column} <= rows[0].keys():
        found = list(rows[0]) if rows else []
        raise ValueError(
            f"label table {path} needs the columns raw_category and {column}, got "
            f"{found}"
        )
    return {row["raw_category"]: int(row[column] or 0) for row in rows}
