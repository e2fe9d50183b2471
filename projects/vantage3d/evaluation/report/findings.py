"""What the numbers say, in sentences: the head of the report and of the summary."""

import math
from collections.abc import Iterator

from vantage3d.evaluation.metrics_table import HEADLINE, find, long_name
from vantage3d.evaluation.results.run import Model, Run
from vantage3d.evaluation.results.score import (
    ABS_REL,
    CLIP,
    ERROR,
    FORMULAS,
    NO_CLIP,
    REFERENCE,
    TOTAL,
    Choice,
    Scoring,
    best,
    gain_intervals,
    gains,
    score,
    scoring,
)

NAN_PIXELS = "count.nan_pixels"


def headlines(run: Run) -> list[str]:
    """The headline metrics that a run has."""
    wanted = dict.fromkeys(run.here(metric) for metric in HEADLINE)
    return [metric for metric in wanted if run.has(metric)]


def findings(run: Run) -> list[str]:
    """Sentences about the best checkpoint, its gain and what it is made of."""
    choice = best(run)
    if choice is None:
        return [*_setting(run), "Only the baseline was evaluated.", *_warnings(run)]
    sentences = [*_setting(run), _chosen(run, choice)]
    by = scoring(run)
    if by is None:
        sentences.append("There is no score: it needs AbsRel and delta1 of buildings.")
    elif by.missing:
        sentences.append(
            f"The score is a {by.name}: {', '.join(c.metric for c in by.missing)} "
            "missing, the other weights scaled to sum to 1."
        )
    if run.baseline is None:
        sentences.append("There is no baseline, so nothing is said about gains.")
    elif by is not None:
        sentences += _about_score(choice.model, run.baseline, by)
    changes = [*_changes(run, choice.model), *_single_bests(run)]
    return [*sentences, *changes, *_warnings(run)]


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


def _about_score(model: Model, baseline: Model, by: Scoring) -> Iterator[str]:
    if score(model, NO_CLIP, by) <= score(baseline, NO_CLIP, by):
        yield "No checkpoint beats the baseline in the score without clip."
    for formula in (REFERENCE, NO_CLIP):
        before, after = (score(m, formula, by) for m in (baseline, model))
        parts = gains(model, baseline, formula, by)
        mover = max(parts, key=lambda name: abs(parts[name]))
        each = ", ".join(f"{name} {value:+.4f}" for name, value in parts.items())
        yield (
            f"Score, {formula}: {before:.4f} -> {after:.4f}, {after - before:+.4f} "
            f"({percent(after, before)}){_interval(model, baseline, formula, by)}. "
            f"{mover} moved it most: {each}."
        )
    others = sum(parts.values()) - parts[ERROR]
    yield f"Without AbsRel, which the formulas treat differently: {others:+.4f}."
    better = [name for name, value in parts.items() if value > 0]
    worse = [name for name, value in parts.items() if value < 0]
    if better and worse:
        yield (
            f"The components disagree: {', '.join(better)} better, "
            f"{', '.join(worse)} worse than the baseline."
        )
    if (error := baseline.mean(ABS_REL)) > CLIP:
        part, honest = (gains(model, baseline, f, by)[ERROR] for f in FORMULAS)
        yield (
            f"The baseline's AbsRel on buildings, {error:.4g}, lies beyond the clip of "
            f"the reference formula at {CLIP:g}, where its term is 0: of the reference "
            f"gain, {part:+.4f} is from that term, against {honest:+.4f} without clip."
        )


def _interval(model: Model, baseline: Model, formula: str, by: Scoring) -> str:
    intervals = gain_intervals(model, baseline, formula, by)
    if not intervals:
        return ""
    low, high = intervals[TOTAL]
    doubt = ", which holds zero" if intervals[TOTAL].holds_zero else ""
    return f", 95 % interval over windows {low:+.4f} to {high:+.4f}{doubt}"


def percent(after: float, before: float) -> str:
    """Change in percent, or why there is none."""
    return f"{100 * (after / before - 1):+.1f} %" if before else "from zero"


def _single_bests(run: Run) -> Iterator[str]:
    """Which checkpoint each headline metric would choose."""
    models = [model for model in run.checkpoints if not model.merged]
    choices: dict[str, list[str]] = {}
    for metric in headlines(run) if len(models) > 1 else ():
        known = [m for m in models if math.isfinite(m.mean(metric))]
        if known:
            pick = max if find(metric).higher_is_better else min
            name = pick(known, key=lambda model: model.mean(metric)).name
            choices.setdefault(name, []).append(long_name(metric))
    texts = [f"{name} by {', '.join(metrics)}" for name, metrics in choices.items()]
    if texts:
        yield f"Best by single metrics: {'; '.join(texts)}."


def _changes(run: Run, model: Model) -> Iterator[str]:
    """The headline metrics of the best checkpoint against the baseline."""
    for metric in headlines(run):
        if run.baseline is None:
            return
        before, after = run.baseline.mean(metric), model.mean(metric)
        if not math.isfinite(after - before):
            continue
        better = (after > before) == find(metric).higher_is_better
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
