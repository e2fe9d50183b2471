"""The best checkpoint of an evaluation under limits on time and memory."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vantage3d.evaluation.metrics_table import HEADLINE, find
from vantage3d.evaluation.results.run import Model, Run, read_run
from vantage3d.evaluation.results.score import NO_CLIP, REFERENCE, score

SCORES = {"score": REFERENCE, "score_no_clip": NO_CLIP}
LIMITS = {
    "--max-latency": "performance.latency_p95_ms",
    "--max-vram": "performance.vram_mb",
    "--max-ram": "performance.ram_mb",
}


@dataclass(frozen=True)
class Selection:
    """What was selected.

    Attributes:
        name: Of the model.
        path: Its checkpoint; empty for the base.
        value: What it was selected by.
        refused: Why others could not be selected, by name.
        ranking: Names and values of the others that could, the best first.
    """

    name: str
    path: str
    value: float
    refused: Mapping[str, str]
    ranking: tuple[tuple[str, float], ...]


def select_checkpoint(
    folder: Path, by: str, limits: Mapping[str, float] | None = None
) -> Selection:
    """The best model of a result folder.

    Merged models repeat their checkpoint and take no part; the baseline does.

    Args:
        folder: Of ``tools/evaluate_depth.py``.
        by: A metric, ``score`` (the reference formula) or ``score_no_clip``.
        limits: Largest values by option (:data:`LIMITS`).

    Raises:
        ValueError: If no model has the metric, a limit is on something that was not
            measured, or no model is within the limits.
        FileNotFoundError: If the folder holds no evaluation.
    """
    run = read_run(folder)
    value, higher = _order(run, by)
    models = [model for model in run.models if not model.merged]
    refused = {
        model.name: _refusal(model, value, by, limits or {}, run) for model in models
    }
    left = [model for model in models if not refused[model.name]]
    if not left:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        raise ValueError(
            f"no model of {folder} is within the limits: {reasons}. Allow more"
        )
    left.sort(key=value, reverse=higher)
    about = run.metadata.get("models", {}).get(left[0].name, {})
    return Selection(
        left[0].name,
        about.get("path", ""),
        value(left[0]),
        {name: reason for name, reason in refused.items() if reason},
        tuple((model.name, value(model)) for model in left[1:]),
    )


def _order(run: Run, by: str) -> tuple[Callable[[Model], float], bool]:
    """What models are compared by, and whether more is better."""

    def value(model: Model) -> float:
        return score(model, SCORES[by]) if by in SCORES else model.mean(by)

    if not any(math.isfinite(value(model)) for model in run.models):
        measured = ", ".join(run.metrics[:8])
        raise ValueError(
            f"--by {by}: no model of {run.folder} has it. Expected "
            f"{', '.join(SCORES)} or a metric such as {measured}"
        )
    higher = find(by).higher_is_better
    if higher is None:
        raise ValueError(
            f"--by {by}: more of it is neither better nor worse. Expected a metric "
            f"with a direction, such as {HEADLINE[0]}"
        )
    return value, higher


def _refusal(
    model: Model,
    value: Callable[[Model], float],
    by: str,
    limits: Mapping[str, float],
    run: Run,
) -> str:
    """Why a model cannot be selected; empty if it can."""
    if not math.isfinite(value(model)):
        return f"{by} was not measurable"
    for option, most in limits.items():
        metric = LIMITS[option]
        if not run.has(metric):
            raise ValueError(
                f"{option} {most:g}: {metric} was not measured in {run.folder}. "
                "Evaluate on a GPU for its memory, and with --repeats above 0"
            )
        found = model.mean(metric)
        if not found <= most:
            return f"{metric} is {found:.4g}, {option} allows {most:g}"
    return ""
