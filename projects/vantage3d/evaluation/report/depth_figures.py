"""Figures 01 to 04: depth, buildings against the rest, geometry, poses."""

from matplotlib.figure import Figure

from vantage3d.evaluation.report.curves import Line, Panel, draw_panels
from vantage3d.evaluation.results.run import Run

DEPTH_REGIONS = ("building", "full")
BOTH_SIDES = ("building", "non_building")


def _over_regions(title: str, metric: str, regions: tuple[str, ...]) -> Panel:
    lines = [Line(f"depth.{r}.{metric}", r.replace("_", "-")) for r in regions]
    return Panel(title, tuple(lines))


MAIN_DEPTH = (
    _over_regions("Relative error of depth", "abs_rel", DEPTH_REGIONS),
    _over_regions("Share of pixels within 25 %", "delta1", DEPTH_REGIONS),
)
BUILDING_AND_REST = (
    _over_regions("Relative error", "abs_rel", BOTH_SIDES),
    _over_regions("Share of pixels within 25 %", "delta1", BOTH_SIDES),
    _over_regions("Root mean square error", "rmse", BOTH_SIDES),
    _over_regions("Mean absolute error", "mae", BOTH_SIDES),
)
GEOMETRY = (
    Panel(
        "Error of normals, {where}",
        (
            Line("normals.building.angular_mean", "mean"),
            Line("normals.building.angular_median", "median"),
        ),
        "normal error in degrees (lower is better)",
    ),
    Panel(
        "Share with a good normal, {where}",
        (
            Line("normals.building.inlier_11_25", "within 11.25°"),
            Line("normals.building.inlier_22_5", "within 22.5°"),
            Line("normals.building.inlier_30", "within 30°"),
        ),
        "share of pixels (higher is better)",
    ),
    Panel(
        "Deviation from flat, {where}",
        (
            Line("planarity.building.residual_mean", "mean"),
            Line("planarity.building.residual_median", "median"),
        ),
        "distance, share of depth (lower is better)",
    ),
    Panel(
        "Share close to their plane, {where}",
        (Line("planarity.building.inlier_ratio", "share of points"),),
        "share of points (higher is better)",
    ),
)
POSES = (
    Panel("Camera position", (Line("pose.ate_trans", "ATE"),)),
    Panel(
        "Camera rotation",
        (Line("pose.ate_rot_deg", "ATE of rotation"),),
        "ATE in degrees (lower is better)",
    ),
    Panel("Step between frames, translation", (Line("pose.rpe_trans", "RPE"),)),
    Panel(
        "Step between frames, rotation",
        (Line("pose.rpe_rot_deg", "RPE of rotation"),),
        "RPE in degrees (lower is better)",
    ),
    Panel(
        "Pairs of frames within 15°",
        (Line("pose.rra_15", "rotation"), Line("pose.rta_15", "direction")),
        "share of pairs (higher is better)",
    ),
    Panel(
        "Area under the accuracy curve",
        tuple(Line(f"pose.auc_{t}", f"{t}°") for t in (3, 5, 15, 30)),
        "AUC (higher is better)",
    ),
)


def columns(wanted: tuple[Panel, ...]) -> tuple[str, ...]:
    """Every metric of some panels."""
    return tuple(line.metric for panel in wanted for line in panel.lines)


def main_depth(run: Run) -> Figure:
    """01: AbsRel and delta1 of buildings and of everything."""
    return draw_panels(run, MAIN_DEPTH)


def building_and_rest(run: Run) -> Figure:
    """02: four errors of buildings and of everything else."""
    return draw_panels(run, BUILDING_AND_REST)


def geometry(run: Run) -> Figure:
    """03: normals and planes."""
    return draw_panels(run, [_here(run, panel) for panel in GEOMETRY])


def _here(run: Run, panel: Panel) -> Panel:
    lines = tuple(Line(run.here(line.metric), line.name) for line in panel.lines)
    return Panel(panel.title.format(where=run.where), lines, panel.axis)


def poses(run: Run) -> Figure:
    """04: cameras after Sim(3) alignment."""
    return draw_panels(run, POSES)
