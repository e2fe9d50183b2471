"""The scene as a cloud of coloured points, and one cloud per instance."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.folders import keep_only
from vantage3d.io.names import public_name
from vantage3d.io.ply import rgb_columns, write_ply
from vantage3d.results.cloud import Cloud, scene_cloud
from vantage3d.results.prediction import ScenePrediction
from vantage3d.results.scene_instances import check_posed


def write(scene: ScenePrediction, folder: Path) -> list[Path]:
    """``cloud.ply``, and ``instances/NUMBER_CLASS.ply`` where there are instances.

    Points have a normal, a colour, the number of their instance (-1 for none) and the
    confidence of their depth where frames have them.

    Raises:
        ValueError: If frames have no poses or no depth.
    """
    check_posed(scene)
    cloud = scene_cloud(scene)
    columns = _columns(cloud, slice(None))
    if cloud.table:
        columns["instance"] = cloud.instances
    if not np.isnan(cloud.confidence).all():
        columns["confidence"] = cloud.confidence
    write_ply(whole := folder / "cloud.ply", cloud.points, columns)
    names = [f"{row.number:03d}_{public_name(row.label)}.ply" for row in cloud.table]
    keep_only(folder / "instances", names, ".ply")
    for row, name in zip(cloud.table, names):
        own, path = cloud.instances == row.number, folder / "instances" / name
        write_ply(path, cloud.points[own], _columns(cloud, own))
    return [whole]


def _columns(cloud: Cloud, rows: slice | NDArray[np.bool_]) -> dict[str, NDArray]:
    """Normals and colours of some points."""
    normals = dict(zip(("nx", "ny", "nz"), cloud.normals[rows].T))
    return normals | rgb_columns(cloud.colors[rows])
