"""What the numbers say, in sentences and tables, for the report and the summary."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from vantage3d.evaluation.metrics_table import HEADLINE, find, long_name
from vantage3d.evaluation.report.cost_figures import cost_metrics
from vantage3d.evaluation.results.folder import Rows, cell
from vantage3d.evaluation.results.run import Model, Run, read_frames, read_windows
from vantage3d.evaluation.results.score import (
    ABS_REL,
    CLIP,
    ERROR,
    FORMULAS,
    NO_CLIP,
    REFERENCE,
    TOTAL,
    Scoring,
    best,
    gain_intervals,
    gains,
    rank,
    score,
    scoring,
    terms,
)
from vantage3d.evaluation.results.trivial import beaten_by, flags, skill

NAN_PIXELS = "count.nan_pixels"
COUNTS, SECONDS = "count.", "performance.eval_seconds"
LONG = 300  # characters of a value
BELOW = " ▼"  # marks a value that a trivial row beats


def headlines(run: Run) -> list[str]:
    """The headline metrics that a run has."""
    wanted = dict.fromkeys(run.on_judged_pixels(metric) for metric in HEADLINE)
    return [metric for metric in wanted if run.has(metric)]


def findings(run: Run) -> list[str]:
    """Sentences about the best checkpoint, its gain and what it is made of."""
    choice = best(run)
    if choice is None:
        return [*_setting(run), "Only the baseline was evaluated.", *_warnings(run)]
    name, count = choice.model.name, sum(not m.merged for m in run.checkpoints)
    chosen = (
        f"Best of {count}: {name}, by {choice.rule}. It was chosen on the windows that "
        "it is measured on, so its lead over its neighbours is optimistic."
    )
    if count < 2:
        chosen = f"{name} is the only checkpoint."
    sentences = [*_setting(run), chosen]
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


def _about_score(model: Model, baseline: Model, by: Scoring) -> Iterator[str]:
    if score(model, NO_CLIP, by) <= score(baseline, NO_CLIP, by):
        yield "No checkpoint beats the baseline in the score without clip."
    for formula in (REFERENCE, NO_CLIP):
        before, after = (score(m, formula, by) for m in (baseline, model))
        parts = gains(model, baseline, formula, by)
        mover = max(parts, key=lambda name: abs(parts[name]))
        each = ", ".join(f"{name} {value:+.4f}" for name, value in parts.items())
        between = ""
        if intervals := gain_intervals(model, baseline, formula, by):
            ends = intervals[TOTAL]
            between = f", no interval: {ends.basis}"
            if ends.clusters > 1:
                between = f", 95 % interval {ends.low:+.4f} to {ends.high:+.4f}"
                between += f" over {ends.basis}"
                between += ", which holds zero" if ends.holds_zero else ""
        yield (
            f"Score, {formula}: {before:.4f} -> {after:.4f}, {after - before:+.4f} "
            f"({percent(after, before)}){between}. {mover} moved it most: {each}."
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
    if not run.trivial:
        yield "No trivial rows were measured beside the models: evaluate again."
    else:
        values = {m.name: skill(run, m) for m in (*run.models, *run.trivial)}
        texts = [f"{n} {v:+.4f}" for n, v in values.items() if math.isfinite(v)]
        if texts:
            each = ", ".join(texts)
            yield f"Skill, 0 for the best trivial row, 1 for the truth: {each}."
    for flag in flags(run).values():
        yield f"Below a trivial row: {flag}."
    for model in run.models:
        if model.mean(NAN_PIXELS) > 0:
            yield (
                f"{model.name} has {model.mean(NAN_PIXELS):,.0f} pixels whose depth "
                f"is not finite or not positive ({NAN_PIXELS}); only delta1 to delta3 "
                "count them, as missed."
            )


def top_k(run: Run, count: int) -> Rows:
    """The best checkpoints, the baseline, trivial rows, with every term of the score.

    A term is weighted: the terms of a formula sum to its score. Only the term of AbsRel
    differs between the formulas.
    """
    models = rank(run)[0][:count]
    apart = [*filter(None, [run.baseline]), *run.trivial]
    models = [*models, *apart]
    by, costs = scoring(run), cost_metrics(run)
    table = [
        ({"skill": skill(run, model)} if run.trivial else {})
        | (_scores(model, by) if by else {})
        for model in models
    ]
    header = ["rank", "model", *table[0], *(long_name(metric) for metric in costs)]
    body = []
    for place, (model, scores) in enumerate(zip(models, table), 1):
        cells = [cell(value, 4) for value in scores.values()]
        cells += [cell(model.mean(metric), 1) for metric in costs]
        body.append(["" if model in apart else str(place), model.name, *cells])
    caption = "The best checkpoints: weighted terms, which sum to the score."
    return Rows(header, body, caption)


def _scores(model: Model, by: Scoring) -> dict[str, float]:
    """Both scores and all terms by the head of their column."""
    found = {f"score, {f}": score(model, f, by) for f in FORMULAS}
    clipped, free = terms(model, REFERENCE, by), terms(model, NO_CLIP, by)
    for name, value in clipped.items():
        if name == ERROR:
            found |= {f"{name}, {REFERENCE}": value, f"{name}, {NO_CLIP}": free[name]}
        else:
            found[name] = value
    return found


def all_models(run: Run) -> Rows:
    """The headline metrics of every model, and their change against the baseline."""
    metrics = headlines(run)
    header = ["model", *(long_name(metric) for metric in metrics)]
    body = []
    for model in (*run.models, *run.trivial):
        row = [model.name]
        for metric in metrics:
            text = cell(model.mean(metric), 4)
            if text and run.baseline is not None and model is not run.baseline:
                change = model.mean(metric) - run.baseline.mean(metric)
                text += f" ({change:+.4f})" if math.isfinite(change) else ""
            row.append(text + BELOW * bool(text and beaten_by(run, model, metric)))
        body.append(row)
    caption = (
        f"In brackets: the difference to the baseline.{BELOW}: below a trivial row."
    )
    return Rows(header, body, caption)


def fact_tables(run: Run) -> dict[str, Rows]:
    """How the models were evaluated, and entries of ``metadata.json`` by model."""
    tables = {"How it was evaluated": Rows(["fact", "value"], [*map(list, facts(run))])}
    models = run.metadata.get("models") or {}
    if models:
        keys = list(dict.fromkeys(key for entry in models.values() for key in entry))
        body = [
            [name, *(str(entry.get(key, "")) for key in keys)]
            for name, entry in models.items()
        ]
        tables["Weights"] = Rows(["model", *keys], body)
    return tables


def facts(run: Run) -> Iterator[tuple[str, str]]:
    """Name and value: what was evaluated, then the entries of ``metadata.json``."""
    yield "models", str(len(run.models))
    for model in run.models:
        windows, frames = read_windows(model, ()), read_frames(model, ())
        if windows is not None:
            sequences = len(set(windows.texts["sequence"]))
            yield "windows", f"{len(windows)} of {sequences} sequences"
            if frames is not None:
                yield "frames", str(len(frames))
            break
    model = run.models[0]
    for metric in run.metrics:
        if metric.startswith(COUNTS) and math.isfinite(model.mean(metric)):
            name = metric.removeprefix(COUNTS).replace(".", " ").replace("_", " ")
            yield f"{name}, {model.name}", f"{model.mean(metric):,.0f}"
    seconds = sum(m.mean(SECONDS) for m in run.models if math.isfinite(m.mean(SECONDS)))
    if seconds:
        yield "evaluation time, all models", f"{seconds / 60:.1f} min"
    for name, value in run.metadata.items():
        if name != "models":
            yield from _flat(name, value)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Nested entries as ``a.b``; long ones cut."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{name}.{key}", item)
        return
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    text = str(value)
    yield name, text if len(text) <= LONG else f"{text[:LONG]} ..."
