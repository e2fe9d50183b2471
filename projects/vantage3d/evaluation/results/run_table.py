"""The few numbers of an evaluation that fit on a terminal."""

import math

from vantage3d.evaluation.results.folder import ResultFolder
from vantage3d.evaluation.results.summary import Statistics

NONE = {"mean": math.nan}
COLUMNS = {
    "AbsRel": "depth.full.abs_rel",
    "delta1": "depth.full.delta1",
    "AbsRel bldg": "depth.building.abs_rel",
    "delta1 bldg": "depth.building.delta1",
    "normals<30": "normals.building.inlier_30",
    "planar": "planarity.building.inlier_ratio",
    "photo": "photometric.building.inlier_ratio",
    "ATE m": "pose.ate_trans",
    "AUC@30": "pose.auc_30",
    "frames/s": "performance.fps",
    "p95 ms": "performance.latency_p95_ms",
}


def run_table(folder: ResultFolder) -> str:
    """One line per model; columns that nobody has are left out."""
    models = {name: folder.metrics(name) for name in folder.finished()}
    return table(models)


def table(models: dict[str, Statistics]) -> str:
    """Means of :data:`COLUMNS`, right-aligned."""
    shown = {
        title: metric
        for title, metric in COLUMNS.items()
        if any(metric in row for row in models.values())
    }
    width = max(map(len, ("model", *models)))
    lines = [f"{'model':{width}}  " + "  ".join(f"{title:>11}" for title in shown)]
    for name, row in models.items():
        means = [row.get(metric, {}).get("mean") for metric in shown.values()]
        cells = [
            f"{'-' if mean is None else format(mean, '.4f'):>11}" for mean in means
        ]
        lines.append(f"{name:{width}}  " + "  ".join(f"{cell:>11}" for cell in cells))
    return "\n".join(lines)
