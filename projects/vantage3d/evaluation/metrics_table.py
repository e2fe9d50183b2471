"""Every number of an evaluation: its key, name, unit, direction, formula, averaging.

A key means the same number wherever it stands: in what ``tools/test.py`` prints, in
``save_best`` of a config, in result folders, reports, comparisons and selections. Parts
of a key in capitals stand for several: REGION for ``full`` (pixels of known depth),
``building``, ``non_building`` or ``class.NAME``; ALIGN for an alignment; T for a
threshold; NAME for a class.

In the formulas p is the predicted depth after the alignment in use, g the true one,
d = ln p - ln g. Frames and windows in which a metric cannot be measured take no part.
"""

import re
from functools import cache
from typing import NamedTuple

FRAMES = "over the pixels of a frame, then over frames"
WINDOWS = "over windows"
MEDIANS = "the median over frames"
SUMMED = "summed"
ONCE = "once per model"
POINTS = "over the keypoints of all frames"
CLASSES = "over classes, each over all frames together"
IDS = "over all streams together"
THRESHOLDS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2)  # T, of RGB in 0..1
PARTS = {
    "REGION": r"(?:full|building|non_building|class\.[^.]+)",
    "ALIGN": r"[a-z_]+",
    "NAME": r"[^/]+",
    "T": r"(?P<T>\d+(?:\.\d+)?)",
}


class Metric(NamedTuple):
    """A row of the table.

    Attributes:
        key: Key, with capitals for what varies.
        label: Name in figures and tables.
        unit: Unit; empty for a plain number.
        higher_is_better: Direction; None where neither is better.
        formula: What is computed for a frame or window.
        averaging: Over what the mean is taken.
        headline: Parts that stand for the capitals in :data:`HEADLINE`; ("",) of a key
            without capitals.
        weight: Share of the comprehensive score; the metric is then of buildings.
    """

    key: str
    label: str
    unit: str
    higher_is_better: bool | None
    formula: str
    averaging: str
    headline: tuple[str, ...] = ()
    weight: float = 0.0

    @property
    def axis(self) -> str:
        """Label of an axis: name, unit and direction."""
        joint = ", " if " " in self.unit else " in "
        unit = joint + self.unit if self.unit else ""
        way = "higher" if self.higher_is_better else "lower"
        return f"{self.label}{unit} ({way} is better)"

    @property
    def title(self) -> str:
        """Head of a column: name and unit."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label


def _photometric(
    source: str, seen: str, headline: tuple[str, ...] = (), weight: float = 0.0
) -> tuple[Metric, ...]:
    """Rows of the photometric consistency of one kind of depth and cameras."""
    key = f"{source}.REGION."
    return (
        Metric(key + "error", "photometric error", "", False,
               f"mean RGB difference to the next frame, images in 0..1; {seen}",
               WINDOWS),
        Metric(key + "ssim", "photometric SSIM", "", True,
               "mean structural similarity of 3x3 pixels", WINDOWS),
        Metric(key + "inlier_ratio", "photometric inliers", "", True,
               "share of differences below 0.05", WINDOWS, headline, weight),
        Metric(key + "inlier_at.T", "photometric inliers", "", True,
               "share of differences below T, from 0.01 to 0.2", WINDOWS),
        Metric(key + "coverage", "photometric coverage", "", True,
               "share of the textured pixels that can be measured", WINDOWS),
    )  # fmt: skip


_BOTH = ("building", "full")
TABLE = (
    Metric("depth.REGION.abs_rel", "AbsRel", "", False,
           "mean |p - g| / g", FRAMES, _BOTH, 0.20),
    Metric("depth.REGION.sq_rel", "SqRel", "m", False, "mean (p - g)^2 / g", FRAMES),
    Metric("depth.REGION.rmse", "RMSE", "m", False, "sqrt mean (p - g)^2", FRAMES),
    Metric("depth.REGION.rmse_log", "RMSElog", "", False, "sqrt mean d^2", FRAMES),
    Metric("depth.REGION.si_log", "SIlog", "", False,
           "sqrt (mean d^2 - (mean d)^2)", FRAMES),
    Metric("depth.REGION.mae", "MAE", "m", False, "mean |p - g|", FRAMES),
    Metric("depth.REGION.delta1", "delta1", "", True,
           "share with max(p / g, g / p) < 1.25; an unusable p misses it",
           FRAMES, _BOTH, 0.30),
    Metric("depth.REGION.delta2", "delta2", "", True, "the same below 1.25^2", FRAMES),
    Metric("depth.REGION.delta3", "delta3", "", True, "the same below 1.25^3", FRAMES),
    Metric("depth.REGION.within.T", "within T", "", True,
           "share with max(p / g, g / p) < T; an unusable p misses it", FRAMES),
    Metric("depth.REGION.coverage", "coverage", "", True,
           "share of the judged pixels with a usable p", FRAMES),
    Metric("depth.REGION.abs_rel_median", "median AbsRel", "", False,
           "median |p - g| / g; not of classes", FRAMES),
    Metric("depth.REGION.abs_rel_trimmed", "trimmed AbsRel", "", False,
           "mean |p - g| / g without the worst 5 %; not of classes", FRAMES),
    Metric("ablation.ALIGN.REGION.abs_rel", "AbsRel", "", False,
           "AbsRel after the alignment ALIGN", FRAMES),
    Metric("ablation.ALIGN.REGION.delta1", "delta1", "", True,
           "delta1 after the alignment ALIGN", FRAMES),
    Metric("normals.REGION.angular_mean", "mean normal error", "degrees", False,
           "mean angle between the local planes of p and g, fitted to the same valid "
           "pixels of a 7x7 window; edges (rms off the true plane > 1 % of the depth) "
           "are left out", FRAMES),
    Metric("normals.REGION.angular_median", "median normal error", "degrees", False,
           "median of these angles", FRAMES),
    Metric("normals.REGION.inlier_11_25", "normals within 11.25°", "", True,
           "share of these angles below 11.25 degrees", FRAMES),
    Metric("normals.REGION.inlier_22_5", "normals within 22.5°", "", True,
           "share below 22.5 degrees", FRAMES),
    Metric("normals.REGION.inlier_30", "normals within 30°", "", True,
           "share below 30 degrees", FRAMES, ("building",), 0.20),
    Metric("planarity.REGION.inlier_ratio", "points near their plane", "", True,
           "share of residuals below 1 %", FRAMES, ("building",), 0.15),
    Metric("planarity.REGION.residual_mean", "mean distance from flat",
           "share of depth", False,
           "on planes of at least 500 pixels that RANSAC finds in the truth (within an "
           "instance, where instances are known): mean of how much farther a predicted "
           "point is from the plane of the prediction than the true one from that of "
           "the truth", FRAMES),
    Metric("planarity.REGION.residual_median", "median distance from flat",
           "share of depth", False, "median of these residuals", FRAMES),
    *_photometric("photometric", "own depth with own cameras, in the network's unit",
                  ("building",), 0.15),
    *_photometric("photometric_gt_pose", "aligned depth with true cameras"),
    *_photometric("photometric_truth",
                  "true depth with true cameras: what images allow"),
    Metric("pose.ate_trans", "ATE", "m", False,
           "rms distance of camera centres after Sim(3)", WINDOWS, ("",)),
    Metric("pose.ate_rot_deg", "ATE of rotation", "degrees", False,
           "rms angle after the turn that fits orientations best", WINDOWS),
    Metric("pose.rpe_trans", "RPE", "m", False,
           "rms error of the motion between neighbours in time, after Sim(3)", WINDOWS),
    Metric("pose.rpe_rot_deg", "RPE of rotation", "degrees", False,
           "rms angle of the same", WINDOWS),
    Metric("pose.rra_15", "RRA@15", "", True,
           "share of ordered pairs whose relative rotation is within 15 degrees",
           WINDOWS),
    Metric("pose.rta_15", "RTA@15", "", True,
           "share of ordered pairs whose direction of motion is within 15 degrees",
           WINDOWS),
    *(
        Metric(f"pose.auc_{degrees}", f"AUC@{degrees}", "", True,
               "mean share of ordered pairs whose worse angle is within "
               f"1, 2, ..., {degrees} degrees", WINDOWS,
               ("",) if degrees == 30 else ())
        for degrees in (3, 5, 15, 30)
    ),
    Metric("pose.drift_percent", "drift", "%", False,
           "error of the motion over stretches of the path, of their length", WINDOWS),
    Metric("pose.drift_deg_per_m", "drift of rotation", "degrees per m", False,
           "angle of the same, by length", WINDOWS),
    Metric("pose.coverage", "coverage of poses", "", True,
           "share of the true poses with a prediction", WINDOWS),
    Metric("points.accuracy", "accuracy of the point map", "m", False,
           "mean distance of predicted points to the nearest true one, after the "
           "similarity that fits the best 90 % of corresponding points", WINDOWS),
    Metric("points.completeness", "completeness of the point map", "m", False,
           "mean distance of true points to the nearest predicted one", WINDOWS),
    Metric("points.f_score", "F-score of the point map", "", True,
           "harmonic mean of the shares of both within 0.25 m", WINDOWS),
    Metric("cloud.accuracy", "accuracy", "m", False,
           "mean distance of predicted points to the nearest true one", WINDOWS),
    Metric("cloud.completeness", "completeness", "m", False,
           "mean distance of true points to the nearest predicted one", WINDOWS),
    Metric("cloud.precision", "precision", "", True,
           "share of predicted points nearer than a threshold to the truth", WINDOWS),
    Metric("cloud.recall", "recall", "", True,
           "share of true points nearer than a threshold to the prediction", WINDOWS),
    Metric("cloud.f_score", "F-score", "", True,
           "harmonic mean of precision and recall", WINDOWS),
    Metric("alignment.scale", "scale of the alignment", "m per unit", None,
           "of the alignment in use", FRAMES),
    Metric("alignment.shift", "shift of the alignment", "m", None,
           "of the alignment in use", FRAMES),
    Metric("alignment.median_ratio", "true over predicted depth", "", None,
           "median g / p of a frame without alignment", MEDIANS),
    Metric("sparse.triangulated", "keypoints triangulated", "", True,
           "share of the keypoints that DELTAS triangulates", WINDOWS),
    Metric("sparse.abs_rel_median", "median AbsRel of keypoints", "", False,
           "median |z - g| / g of triangulated keypoints", POINTS),
    Metric("sparse.within_5", "keypoints within 5 %", "", True,
           "share of triangulated keypoints with |z - g| / g < 0.05", POINTS),
    Metric("sparse.within_5_of_all", "all keypoints within 5 %", "", True,
           "share of the keypoints, triangulated or not, with |z - g| / g < 0.05",
           POINTS),
    Metric("sparse.dense_abs_rel_median", "median AbsRel of depth there", "", False,
           "median |p - g| / g at the pixels of triangulated keypoints", POINTS),
    *(
        Metric(f"sparse.chance.{place}.{key}", f"{label}, {place}", "", None,
               f"sparse.{key} if matches are {where} their segments", POINTS)
        for place, where in (
            ("centre", "in the middle of"), ("random", "anywhere on"),
        )
        for key, label in (
            ("abs_rel_median", "median AbsRel"),
            ("within_5", "within 5 %"),
            ("within_5_of_all", "all within 5 %"),
        )
    ),
    Metric("sparse.common.abs_rel_median", "median AbsRel, common", "", False,
           "sparse.abs_rel_median of keypoints that all rows of a study triangulate",
           POINTS),
    Metric("sparse.common.within_5", "within 5 %, common", "", True,
           "sparse.within_5 of the same", POINTS),
    Metric("sparse.baseline_m", "baseline", "m", None,
           "mean distance of the views to the anchor", WINDOWS),
    Metric("sparse.epipolar_px", "epipolar segment", "pixels", None,
           "median length of the segments that are searched", WINDOWS),
    Metric("all_ap", "AP", "", True,
           "mean average precision of instances at the overlaps 0.50, 0.55, ..., 0.90",
           CLASSES),
    Metric("all_ap_50%", "AP50", "", True, "the same at the overlap 0.50", CLASSES),
    Metric("all_ap_25%", "AP25", "", True, "the same at the overlap 0.25", CLASSES),
    *(
        Metric(f"NAME/{key}", label, "", True, f"{label} of one class", CLASSES)
        for key, label in (("ap", "AP"), ("ap50%", "AP50"), ("ap25%", "AP25"))
    ),
    Metric("track.hota", "HOTA", "", True,
           "mean over overlaps of sqrt(DetA AssA)", IDS),
    Metric("track.det_a", "DetA", "", True,
           "matched instances of frames over all that are true or predicted", IDS),
    Metric("track.ass_a", "AssA", "", True,
           "frames in which a matched pair agrees over all that show either, mean over "
           "matches", IDS),
    Metric("track.idf1", "IDF1", "", True,
           "F1 of instances of frames under the best id of each true one", IDS),
    Metric("track.switches", "switches", "", False,
           "how often a true instance is shown by another id than before", SUMMED),
    Metric("track.fragments", "fragments", "", False,
           "how often a true instance is lost in sight and found again", SUMMED),
    Metric("track.duplicates", "duplicates", "", False,
           "share of true instances of frames that two ids or more lie in", IDS),
    Metric("track.births", "births", "per frame", None, "ids that come first", IDS),
    Metric("track.deaths", "deaths", "per frame", None,
           "ids that never come again before their stream ends", IDS),
    Metric("track.first_correct", "correct after", "frames", False,
           "frames in sight before the best id shows a true instance", IDS),
    Metric("track.never_correct", "never correct", "", False,
           "share of true instances that their best id never shows", IDS),
    Metric("score", "comprehensive score", "", True,
           "weighted sum of delta1, 1 - min(AbsRel, 1), normals within 30°, points "
           "near their plane and photometric inliers of buildings", ONCE),
    Metric("score_no_clip", "comprehensive score without clip", "", True,
           "the same with 1 / (1 + AbsRel)", ONCE),
    Metric("skill", "skill", "", True,
           "weighted mean of delta1, AbsRel, normals within 30° and photometric "
           "inliers with true cameras, each as its share of the way from the best "
           "trivial row (0) to perfection (1)", ONCE),
    Metric("performance.fps", "frames per second", "1/s", True,
           "frames over the mean time of a window", ONCE),
    Metric("performance.latency_sec", "latency per window", "s", False,
           "mean time of a window", ONCE),
    Metric("performance.latency_p50_ms", "latency p50 per window", "ms", False,
           "its median", ONCE),
    Metric("performance.latency_p95_ms", "latency p95 per window", "ms", False,
           "its 95th percentile", ONCE),
    Metric("performance.vram_mb", "peak GPU memory", "MB", False,
           "peak of torch's allocations", ONCE),
    Metric("performance.ram_mb", "peak memory", "MB", False,
           "peak of the process", ONCE),
    Metric("performance.eval_seconds", "evaluation time", "s", False,
           "data, network and metrics together", ONCE),
    Metric("count.*", "count", "", None,
           "pixels, unusable predictions (`nan_pixels`), frames without depth, planes, "
           "poses that are not finite, windows, frames", SUMMED),
)  # fmt: skip
AP, AP50, AP25 = AP_KEYS = ("all_ap", "all_ap_50%", "all_ap_25%")
HEADLINE = tuple(
    metric.key.replace("REGION", part) for metric in TABLE for part in metric.headline
)
# What the comprehensive score is made of, and the weight of each.
SCORE = {
    metric.key.replace("REGION", "building"): metric.weight
    for metric in sorted(TABLE, key=lambda metric: -metric.weight)
    if metric.weight
}


@cache
def find(key: str) -> Metric:
    """Row of a metric.

    Raises:
        ValueError: If the table has no such key.
    """
    for metric in TABLE:
        pattern = re.escape(metric.key).replace(r"\*", ".+")
        pattern = re.sub("|".join(PARTS), lambda m: PARTS[m[0]], pattern)
        if found := re.fullmatch(pattern, key):
            if metric.label.endswith(" T"):
                return metric._replace(label=f"{metric.label[:-1]}{found['T']}")
            return metric
    raise ValueError(
        f"the metric {key!r} is not in the table of metrics. Expected a key such as "
        f"{', '.join(HEADLINE[:3])}; docs/depth_metrics.md lists all"
    )


def region(key: str) -> str:
    """``full``, ``building``, ``non-building``, or "" where a metric has none."""
    found = [p for p in key.split(".") if p in ("full", "building", "non_building")]
    return found[0].replace("_", "-") if found else ""


def long_name(key: str) -> str:
    """Region and name with unit, for tables."""
    return f"{region(key)} {find(key).title}".strip()
