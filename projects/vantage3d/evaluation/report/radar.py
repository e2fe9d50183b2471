"""Figure 05: the baseline and the best checkpoint on fixed axes."""

import numpy as np
from matplotlib.figure import Figure

from vantage3d.evaluation.report.style import (
    BASELINE_COLOUR,
    BEST_COLOUR,
    TEXT,
    CannotDrawError,
    legend_below,
    new_figure,
)
from vantage3d.evaluation.results.run import Model, Run
from vantage3d.evaluation.results.score import ABS_REL, pair

# Every axis has a fixed scale of 0 to 1, so that no axis depends on the other models.
RADAR = {
    "delta1": "depth.building.delta1",
    "1 / (1 + AbsRel)": ABS_REL,
    "normals\nwithin 30°": "normals.building.inlier_30",
    "planarity": "planarity.building.inlier_ratio",
    "photometric": "photometric.building.inlier_ratio",
    "pose AUC@30": "pose.auc_30",
}
LEAST_AXES = 3


def radar(run: Run) -> Figure:
    """05: the baseline and the best checkpoint on six fixed axes."""
    models = pair(run)
    axes_of = {
        name: run.here(metric)
        for name, metric in RADAR.items()
        if all(np.isfinite(model.mean(run.here(metric))) for model in models)
    }
    if len(axes_of) < LEAST_AXES:
        raise CannotDrawError(f"needs {LEAST_AXES} of its columns, has {len(axes_of)}")
    figure = new_figure(1, 1, height=6.2)
    axes = figure.add_subplot(projection="polar")
    angles = np.linspace(0, 2 * np.pi, len(axes_of), endpoint=False)
    looks = ((BASELINE_COLOUR, "--"), (BEST_COLOUR, "-"))[-len(models) :]
    for model, (colour, dash) in zip(models, looks):
        values = [_radar_value(model, metric) for metric in axes_of.values()]
        closed = np.append(values, values[0])
        around = np.append(angles, angles[0])
        axes.plot(around, closed, dash, color=colour, marker="o", label=model.name)
        axes.fill(around, closed, color=colour, alpha=0.08)
    axes.set_theta_offset(np.pi / 2)
    axes.set_xticks(angles, list(axes_of), fontsize=TEXT["label"])
    axes.tick_params(axis="x", pad=8)
    for text, angle in zip(axes.get_xticklabels(), angles):
        sideways = -np.sin(angle)  # the first axis points up, the next to the left
        text.set_ha("center" if abs(sideways) < 0.1 else
                    "left" if sideways > 0 else "right")  # fmt: skip
    axes.set_ylim(0, 1)
    axes.set_yticks([0.2, 0.4, 0.6, 0.8, 1.0])
    axes.tick_params(axis="y", labelsize=TEXT["note"])
    axes.set_rlabel_position(90 / len(axes_of))
    legend_below(figure, axes.get_lines())
    return figure


def _radar_value(model: Model, metric: str) -> float:
    value = model.mean(metric)
    return 1 / (1 + value) if metric.endswith("abs_rel") else value
