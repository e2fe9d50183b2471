"""What the metrics are called in figures and tables, with units and direction."""

from typing import NamedTuple


class Label(NamedTuple):
    """Name of a metric, its unit ("" of a plain number) and which way is better."""

    name: str
    unit: str
    higher_is_better: bool

    @property
    def axis(self) -> str:
        """For an axis: name, unit and direction."""
        joint = ", " if " " in self.unit else " in "
        unit = joint + self.unit if self.unit else ""
        way = "higher" if self.higher_is_better else "lower"
        return f"{self.name}{unit} ({way} is better)"

    @property
    def short(self) -> str:
        """For the head of a column."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


LABELS = {
    "abs_rel": Label("AbsRel", "", False),
    "sq_rel": Label("SqRel", "m", False),
    "rmse": Label("RMSE", "m", False),
    "rmse_log": Label("RMSElog", "", False),
    "si_log": Label("SIlog", "", False),
    "mae": Label("MAE", "m", False),
    "delta1": Label("delta1", "", True),
    "delta2": Label("delta2", "", True),
    "delta3": Label("delta3", "", True),
    "angular_mean": Label("mean normal error", "degrees", False),
    "angular_median": Label("median normal error", "degrees", False),
    "inlier_11_25": Label("normals within 11.25°", "", True),
    "inlier_22_5": Label("normals within 22.5°", "", True),
    "inlier_30": Label("normals within 30°", "", True),
    "abs_rel_median": Label("median AbsRel", "", False),
    "residual_mean": Label("mean distance from flat", "share of depth", False),
    "residual_median": Label("median distance from flat", "share of depth", False),
    "planarity.inlier_ratio": Label("points near their plane", "", True),
    "photometric.inlier_ratio": Label("photometric inliers", "", True),
    "error": Label("photometric error", "", False),
    "ate_trans": Label("ATE", "m", False),
    "ate_rot_deg": Label("ATE of rotation", "degrees", False),
    "rpe_trans": Label("RPE", "m", False),
    "rpe_rot_deg": Label("RPE of rotation", "degrees", False),
    "rra_15": Label("RRA@15", "", True),
    "rta_15": Label("RTA@15", "", True),
    "accuracy": Label("accuracy of the point map", "m", False),
    "completeness": Label("completeness of the point map", "m", False),
    "f_score": Label("F-score of the point map", "", True),
    "fps": Label("frames per second", "1/s", True),
    "latency_sec": Label("latency per window", "s", False),
    "latency_p50_ms": Label("latency p50 per window", "ms", False),
    "latency_p95_ms": Label("latency p95 per window", "ms", False),
    "vram_mb": Label("peak GPU memory", "MB", False),
    "ram_mb": Label("peak memory", "MB", False),
    "eval_seconds": Label("evaluation time", "s", False),
}


def label(metric: str) -> Label:
    """Label of a metric by its first and last part, or by its last."""
    last = metric.rpartition(".")[2]
    if last.startswith("auc_"):
        return Label(f"AUC@{last.removeprefix('auc_')}", "", True)
    first = metric.partition(".")[0]
    known = LABELS.get(f"{first}.{last}") or LABELS.get(last)
    return known or Label(metric, "", True)


def region(metric: str) -> str:
    """``full``, ``building``, ``non-building``, or "" where it has none."""
    parts = metric.split(".")
    names = {"full": "full", "building": "building", "non_building": "non-building"}
    return next((names[part] for part in parts if part in names), "")


def long_name(metric: str) -> str:
    """Region and name with unit, for tables."""
    text = f"{region(metric)} {label(metric).short}"
    return text.strip()
