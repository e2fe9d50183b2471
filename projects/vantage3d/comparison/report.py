"""One report of a comparison, markdown, JSON and a plot, and its arithmetic."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vantage3d.comparison.rooms import Differences, differences
from vantage3d.comparison.runs import RERUN, Plan, Result
from vantage3d.evaluation.instance_outcomes import FILE, SceneOutcomes, read_outcomes
from vantage3d.evaluation.metrics_table import AP_KEYS, find
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.images import write_figure
from vantage3d.process.option_values import option_text

METRICS = {find(key).label: key for key in AP_KEYS}


@dataclass(frozen=True)
class Spread:
    """What several seeds gave; ``std`` (of the sample, n - 1) is None for one value."""

    mean: float
    std: float | None
    low: float
    high: float
    count: int

    def text(self, digits: int = 3, sign: bool = False) -> str:
        """``mean ± std``, or the mean alone where there is one value."""
        mean = f"{self.mean:{'+' if sign else ''}.{digits}f}"
        return mean if self.std is None else f"{mean} ± {self.std:.{digits}f}"


def spread(values: Sequence[float]) -> Spread:
    """Mean and spread of at least one finite value.

    Raises:
        ValueError: If there are none, or one is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError(
            f"`values` must be one or more finite numbers, got {list(values)}."
        )
    std = float(array.std(ddof=1)) if array.size > 1 else None
    return Spread(
        float(array.mean()), std, float(array.min()), float(array.max()), array.size
    )


def paired_difference(
    values: Mapping[int, float], baseline: Mapping[int, float]
) -> Spread:
    """Spread of ``values - baseline``, seed by seed.

    What both runs of a seed share (initial weights, order of the data) cancels.

    Args:
        values: Value by seed.
        baseline: Value of the baseline by seed.

    Raises:
        ValueError: If they have no seed in common.
    """
    seeds = sorted(set(values) & set(baseline))
    if not seeds:
        raise ValueError(
            f"`values` has the seeds {sorted(values)} and `baseline` "
            f"{sorted(baseline)}: expected at least one in common."
        )
    return spread([values[seed] - baseline[seed] for seed in seeds])


Rows = dict[str, dict[str, Spread | None]]


def write_report(plan: Plan, results: Sequence[Result]) -> str:
    """Write ``report.md``, ``report.json`` and ``report.png``; return the markdown."""
    rows, pairs = summarise(plan.baseline, results), differences(_outcomes(plan))
    text = markdown(plan, rows, pairs)
    facts: dict[str, Any] = {
        "baseline": plan.baseline,
        "configs": {name: str(path) for name, path in plan.configs.items()},
        "own_options": plan.own_options,
        "seeds": list(plan.seeds),
        "options": dict(plan.options),
        "rows": {
            name: {key: value and asdict(value) for key, value in row.items()}
            for name, row in rows.items()
        },
        "differences": [
            {"row": row, "minus": other, "metric": key, "value": one.value}
            | one.interval._asdict()
            for (other, row), found in pairs.items()
            for key, one in found.items()
        ],
        "runs": [asdict(result) for result in results],
    }
    atomic_write_bytes(plan.out / "report.md", text.encode())
    content = json.dumps(facts, indent=1, default=str).encode()
    atomic_write_bytes(plan.out / "report.json", content)
    write_figure(plan.out / "report.png", draw(rows, results))
    return text


def _outcomes(plan: Plan) -> dict[str, list[SceneOutcomes]]:
    return {
        name: [
            read_outcomes(plan.out / name / f"seed{seed}" / FILE, RERUN)
            for seed in plan.seeds
        ]
        for name in plan.configs
    }


def summarise(baseline: str, results: Sequence[Result]) -> Rows:
    """Spread over seeds of every quantity of every config.

    Args:
        baseline: Name of the config that differences are taken to.
        results: Finished runs.

    Raises:
        ValueError: If the baseline has no run or a run lacks a metric.
    """
    names = list(dict.fromkeys(result.name for result in results))
    if baseline not in names:
        raise ValueError(f"`baseline` must be one of {names}, got {baseline!r}.")
    reference = {metric: _by_seed(results, baseline, metric) for metric in METRICS}
    rows: Rows = {}
    for name in names:
        mine = [result for result in results if result.name == name]
        row: dict[str, Spread | None] = {}
        for metric in METRICS:
            values = _by_seed(results, name, metric)
            row[metric] = spread(list(values.values()))
            row[f"delta {metric}"] = None
            if name != baseline:
                row[f"delta {metric}"] = paired_difference(values, reference[metric])
        row["step_s"] = spread([result.step_s for result in mine])
        row["cpu_min"] = spread([result.usage.cpu_s / 60 for result in mine])
        row["peak_gb"] = spread([result.usage.peak_gb for result in mine])
        memory = [result.gpu_gb for result in mine if result.gpu_gb is not None]
        row["gpu_gb"] = spread(memory) if memory else None
        rows[name] = row
    return rows | trivial_rows(next(r for r in results if r.name == baseline))


def trivial_rows(result: Result) -> Rows:
    """What answers without a model give, which a test tells beside the model's.

    They are the same for every run: their truth is.
    """
    last = f"/{AP_KEYS[0]}"
    prefixes = [key.removesuffix(last) for key in result.metrics if key.endswith(last)]
    return {
        f"({prefix.replace('_', ' ')})": {
            metric: spread([result.metrics[f"{prefix}/{key}"]])
            for metric, key in METRICS.items()
        }
        for prefix in prefixes
    }


def _by_seed(results: Sequence[Result], name: str, metric: str) -> dict[int, float]:
    values = {}
    for result in results:
        if result.name == name:
            if METRICS[metric] not in result.metrics:
                raise ValueError(
                    f"run {name}, seed {result.seed} has no `{METRICS[metric]}`, got "
                    f"{sorted(result.metrics)}. Evaluate with UnifiedSegMetric"
                )
            values[result.seed] = result.metrics[METRICS[metric]]
    return values


def markdown(plan: Plan, rows: Rows, pairs: Differences) -> str:
    """The tables, with what they mean."""
    titles = [
        *("config", *METRICS, *(f"delta {metric}" for metric in METRICS)),
        *("s per step", "training, CPU min", "memory, GB", "GPU memory, GB"),
    ]
    lines = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    for name, row in rows.items():
        cells = [_cell(row[metric], 3) for metric in METRICS]
        cells += [_cell(row.get(f"delta {m}"), 3, sign=True) for m in METRICS]
        cells += [_cell(row.get("step_s"), 2), _cell(row.get("cpu_min"), 1)]
        cells += [_cell(row.get(key), 2) for key in ("peak_gb", "gpu_gb")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    start = plan.load_from or "random weights of the baseline, one set per seed"
    lines += [
        "",
        f"Mean ± sample standard deviation over the seeds {list(plan.seeds)}; delta: "
        f"to `{plan.baseline}` of the same seed. Same schedule, same start: {start}. "
        "Rows in brackets are answers without a model.",
        "",
    ]
    for name, path in plan.configs.items():
        own = _words(plan.own_options.get(name, {}))
        lines.append(f"- {name}: `{' '.join([str(path), *own])}`")
    if plan.options:
        lines.append(f"- all: `{' '.join(_words(plan.options))}`")
    return "\n".join([*lines, *_pairs(pairs), ""])


def _words(options: Mapping[str, Any]) -> list[str]:
    return [f"{key}={option_text(value)}" for key, value in options.items()]


def _pairs(pairs: Differences) -> list[str]:
    """A table of the differences of every two rows."""
    if not pairs:
        return []
    basis = next(iter(pairs.values()))[AP_KEYS[0]].interval.basis
    lines = [
        "",
        "Row minus other row, mean over the seeds; in brackets its 95 % interval over "
        f"rooms: {basis}. How far seeds differ is not in it.",
        "",
        "| row | minus | " + " | ".join(METRICS) + " |",
        "|" + " --- |" * (2 + len(METRICS)),
    ]
    for (other, row), found in pairs.items():
        cells = (found[key].text() for key in METRICS.values())
        lines.append(f"| {row} | {other} | " + " | ".join(cells) + " |")
    return lines


def _cell(value: Spread | None, digits: int, sign: bool = False) -> str:
    return "" if value is None else value.text(digits, sign)


def draw(rows: Mapping[str, Mapping], results: Sequence[Result]) -> Figure:
    """Bars of means, a dot per seed."""
    size = 3.2 * len(METRICS), 1 + 0.3 * len(rows)
    figure = Figure(figsize=size, layout="constrained", dpi=120)
    names = list(rows)
    places = figure.subplots(1, len(METRICS), sharey=True)
    for axes, metric in zip(places, METRICS):
        axes.barh(names, [rows[name][metric].mean for name in names], color="#b8c9e0")
        for number, name in enumerate(names):
            dots = list(_by_seed(results, name, metric).values())
            axes.plot(dots, [number] * len(dots), "o", color="#23395d", markersize=4)
        axes.set_title(metric)
        axes.set_xlim(left=0)
        axes.spines[["top", "right"]].set_visible(False)
    places[0].invert_yaxis()
    return figure
