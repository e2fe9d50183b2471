"""The figures of the report in order: what each shows and which columns it needs."""

import fnmatch
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure

from vantage3d.evaluation.report import (
    breakdown,
    cost_figures,
    depth_figures,
    score_figures,
)
from vantage3d.evaluation.report.plotting import DPI, CannotDrawError, draw_panels
from vantage3d.evaluation.results.run import Run
from vantage3d.evaluation.results.score import ABS_REL, SCORE_METRICS


@dataclass(frozen=True)
class Kind:
    """One figure of the report.

    Attributes:
        file: Name without the ending.
        caption: One sentence: what to read from it.
        columns: Metrics it uses, ``*`` for any text.
    """

    file: str
    section: str
    title: str
    caption: str
    columns: tuple[str, ...]
    draw: Callable[[Run], Figure]


@dataclass(frozen=True)
class Drawn:
    """A figure of a run; ``png`` is None where it could not be drawn, for ``reason``.

    ``missing`` are the columns it would also use.
    """

    kind: Kind
    png: bytes | None
    reason: str
    missing: tuple[str, ...]


KINDS = (
    Kind(
        "01_main_depth_metrics", "Depth", "Main depth metrics",
        "A checkpoint is better than the base model where its AbsRel lies below, and "
        "its delta1 above, the dashed line of the same colour; the bands say how much "
        "the mean depends on which windows were drawn.",
        depth_figures.columns(depth_figures.MAIN_DEPTH), depth_figures.main_depth,
    ),
    Kind(
        "02_building_vs_nonbuilding", "Depth", "Buildings and everything else",
        "If only the building curve improves, the training was selective; if the other "
        "one gets worse, buildings were bought with the rest of the scene.",
        depth_figures.columns(depth_figures.BUILDING_AND_REST),
        lambda run: draw_panels(run, depth_figures.BUILDING_AND_REST),
    ),
    Kind(
        "12_building_errors", "Depth", "Distribution of the error on buildings",
        "Where mean and median lie far apart, a few bad frames decide the mean: then "
        "believe the median and the boxes.",
        (ABS_REL,), depth_figures.building_errors,
    ),
    Kind(
        "14_per_class", "Depth", "By class",
        "The line between the two markers is the change of a class: look for classes "
        "that paid for the gain on buildings.",
        breakdown.CLASS_COLUMNS, breakdown.per_class,
    ),
    Kind(
        "15_per_scene", "Depth", "By scene and by share of buildings",
        "A gain that comes from one sequence only will not carry over to another town; "
        "rows with few windows say little.",
        breakdown.SCENE_METRICS, breakdown.per_scene,
    ),
    Kind(
        "16_depth_examples", "Depth", "Example frames: depth",
        "All depth maps share one scale of colours, so a facade in another colour than "
        "in the true depth stands at a wrong distance.",
        (), depth_figures.depths,
    ),
    Kind(
        "03_geometry_quality", "Geometry", "Normals and planes",
        "Read planes together with normals: a model that says one distance everywhere "
        "is perfectly flat, but its normals are wrong.",
        depth_figures.columns(depth_figures.GEOMETRY), depth_figures.geometry,
    ),
    Kind(
        "13_normal_error_examples", "Geometry", "Example frames: normal error",
        "Dark facades have the right orientation, bright ones are turned away; grey "
        "pixels have no true normal and count nowhere.",
        (), depth_figures.normal_errors,
    ),
    Kind(
        "11_photometric_curve", "Geometry", "Photometric consistency by threshold",
        "A model is more consistent between frames only if its curve lies above the "
        "other at every threshold, not just at the one that the score uses.",
        breakdown.CURVE_COLUMNS, breakdown.photometric_curve,
    ),
    Kind(
        "04_pose_errors", "Poses", "Camera poses",
        "Errors are of camera centres after alignment by a similarity per window, so "
        "they are metres of drift within a window and not distances in the world.",
        depth_figures.columns(depth_figures.POSES),
        lambda run: draw_panels(run, depth_figures.POSES),
    ),
    Kind(
        "07_comprehensive_score", "Score", "Comprehensive score",
        "The formulas differ in the term of AbsRel only, 1 - min(AbsRel, 1) or "
        "1 / (1 + AbsRel): above its clip at 1 the first sees no difference, so "
        "believe a gain only if both show it.",
        SCORE_METRICS, score_figures.comprehensive_score,
    ),
    Kind(
        "08_score_contributions", "Score", "What moved the score",
        "The bars of one formula sum to its total; a component whose interval reaches "
        "over zero may not have changed at all.",
        SCORE_METRICS, score_figures.contributions,
    ),
    Kind(
        "05_radar_comparison", "Score", "Baseline and best on one page",
        "Further out is better on every axis; all axes run from 0 to 1 and do not "
        "depend on which models were evaluated.",
        tuple(score_figures.RADAR.values()), score_figures.radar,
    ),
    Kind(
        "06_training_stability", "Training", "Stability",
        "Training has settled where the curves are level and the variation stays below "
        "the dotted line; before that, the best checkpoint is a matter of luck.",
        SCORE_METRICS, score_figures.training_stability,
    ),
    Kind(
        "09_pareto_front", "Cost", "Quality against cost",
        "Only the circled models are worth a choice: every other one is beaten in "
        "quality by one that costs no more (costs within 5 % count as equal, since "
        "checkpoints of one network differ in cost by noise only).",
        cost_figures.COLUMNS, cost_figures.pareto,
    ),
    Kind(
        "10_alignment_ablation", "Alignment", "The same predictions, aligned otherwise",
        "If the order of two models changes with the alignment, the difference between "
        "them is one of scale and not of shape (bold: the alignment of this report).",
        breakdown.ABLATION_COLUMNS, breakdown.alignment_ablation,
    ),
)  # fmt: skip


def draw_all(run: Run) -> Iterator[Drawn]:
    """Every figure, as PNG or with the reason why not."""
    for kind in KINDS:
        columns = [run.on_judged_pixels(name) for name in kind.columns]
        missing = tuple(c for c in columns if not fnmatch.filter(run.metrics, c))
        try:
            figure = kind.draw(run)
        except CannotDrawError as reason:
            yield Drawn(kind, None, str(reason), missing)
            continue
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
        yield Drawn(kind, file.getvalue(), "", missing)
