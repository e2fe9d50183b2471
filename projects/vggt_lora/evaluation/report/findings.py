"""What the numbers say, in sentences: the head of the report and of the summary."""

import math
from collections.abc import Iterator

from projects.vggt_lora.evaluation.report.labels import label, long_name
from projects.vggt_lora.evaluation.report.paired import TOTAL, gain_intervals
from projects.vggt_lora.evaluation.report.run import Model, Run
from projects.vggt_lora.evaluation.report.score import (
    ABS_REL,
    CLIP,
    NO_CLIP,
    REFERENCE,
    SCORE_METRICS,
    Choice,
    best,
    gains,
    score,
)

HEADLINES = (
    "depth.building.abs_rel",
    "depth.building.abs_rel_median",
    "depth.building.delta1",
    "depth.full.abs_rel",
    "depth.full.delta1",
    "depth.non_building.abs_rel",
    "normals.building.angular_mean",
    "planarity.building.inlier_ratio",
    "photometric.building.inlier_ratio",
    "pose.ate_trans",
    "pose.auc_30",
)
NAN_PIXELS = "count.nan_pixels"


def headlines(run: Run) -> list[str]:
    """The headline metrics that a run has."""
    wanted = dict.fromkeys(run.here(metric) for metric in HEADLINES)
    return [metric for metric in wanted if run.has(metric)]


def findings(run: Run) -> list[str]:
    """Sentences about the best checkpoint, its gain and what it is made of."""
    choice = best(run)
    if choice is None:
        return [*_setting(run), "Only the baseline was evaluated."]
    sentences = [*_setting(run), _chosen(run, choice)]
    if run.baseline is None:
        sentences.append("There is no baseline, so nothing is said about gains.")
    elif math.isfinite(score(choice.model, NO_CLIP) - score(run.baseline, NO_CLIP)):
        sentences += _about_score(choice.model, run.baseline)
    else:
        lacking = [m for m in SCORE_METRICS if not _both(choice.model, run, m)]
        sentences.append(
            f"The comprehensive score was not computed: {', '.join(lacking)} missing."
        )
    return [*sentences, *_changes(run, choice.model), *_warnings(run)]


def _setting(run: Run) -> Iterator[str]:
    known = run.metadata
    if "align" in known and "split" in known:
        windows = f"{known['windows']} windows of " if "windows" in known else ""
        yield (
            f"Evaluated on {windows}split {known['split']!r}, depth aligned by "
            f"{known['align']!r} per {known.get('per', 'window')}."
        )


def _chosen(run: Run, choice: Choice) -> str:
    name, count = choice.model.name, sum(not m.merged for m in run.checkpoints)
    if count < 2:
        return f"{name} is the only checkpoint."
    return (
        f"Best of {count}: {name}, by {choice.rule}. It was chosen on the windows that "
        "it is measured on, so its lead over its neighbours is optimistic."
    )


def _both(model: Model, run: Run, metric: str) -> bool:
    models = [model, run.baseline] if run.baseline else [model]
    return all(math.isfinite(m.mean(metric)) for m in models)


def _about_score(model: Model, baseline: Model) -> Iterator[str]:
    if score(model, NO_CLIP) <= score(baseline, NO_CLIP):
        yield "No checkpoint beats the baseline in the score without clip."
    for formula in (REFERENCE, NO_CLIP):
        before, after = score(baseline, formula), score(model, formula)
        parts = gains(model, baseline, formula)
        mover = max(parts, key=lambda name: abs(parts[name]))
        each = ", ".join(f"{name} {value:+.4f}" for name, value in parts.items())
        yield (
            f"Score, {formula}: {before:.4f} -> {after:.4f}, {after - before:+.4f} "
            f"({percent(after, before)}){_interval(model, baseline, formula)}. "
            f"{mover} moved it most: {each}."
        )
    yield (
        f"Of this gain, {sum(parts.values()) - parts['AbsRel']:+.4f} come from the "
        "components that no clip touches."
    )
    if (error := baseline.mean(ABS_REL)) > CLIP:
        part = gains(model, baseline, REFERENCE)["AbsRel"]
        honest = gains(model, baseline, NO_CLIP)["AbsRel"]
        yield (
            f"The baseline's AbsRel on buildings, {error:.4g}, lies beyond the clip of "
            f"the reference formula at {CLIP:g}, where its term is 0: of the reference "
            f"gain, {part:+.4f} is from that term, against {honest:+.4f} without clip."
        )


def _interval(model: Model, baseline: Model, formula: str) -> str:
    intervals = gain_intervals(model, baseline, formula)
    if not intervals:
        return ""
    low, high = intervals[TOTAL]
    doubt = ", which holds zero" if intervals[TOTAL].holds_zero else ""
    return f", 95 % interval over windows {low:+.4f} to {high:+.4f}{doubt}"


def percent(after: float, before: float) -> str:
    """Change in percent, or why there is none."""
    return f"{100 * (after / before - 1):+.1f} %" if before else "from zero"


def _changes(run: Run, model: Model) -> Iterator[str]:
    """The headline metrics of the best checkpoint against the baseline."""
    for metric in headlines(run):
        if run.baseline is None or not _both(model, run, metric):
            continue
        before, after = run.baseline.mean(metric), model.mean(metric)
        better = (after > before) == label(metric).higher_is_better
        word = "the same" if after == before else "better" if better else "worse"
        yield (
            f"{long_name(metric)}: {before:.4g} -> {after:.4g} "
            f"({percent(after, before)}, {word})."
        )


def _warnings(run: Run) -> Iterator[str]:
    for model in run.models:
        if model.mean(NAN_PIXELS) > 0:
            yield (
                f"{model.name} has {model.mean(NAN_PIXELS):,.0f} pixels whose depth "
                f"is not finite or not positive ({NAN_PIXELS}); only delta1 to delta3 "
                "count them, as missed."
            )
