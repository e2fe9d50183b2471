"""Curves of training logs."""

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vantage3d.io.images import write_figure

Log = list[dict[str, Any]]


def read_log(run: Path) -> Log:
    """Entries of a run's ``scalars.json``, resumed parts joined.

    Steps that a resumed part did again count once, as it did them.

    Args:
        run: A work dir, or the file.

    Raises:
        FileNotFoundError: If there is no log.
        ValueError: If a line of it is no entry.
    """
    parts = sorted(run.glob("*/vis_data/scalars.json")) if run.is_dir() else [run]
    if not parts or not parts[0].is_file():
        raise FileNotFoundError(
            f"{run} has no log: expected a work dir with */vis_data/scalars.json, or "
            "such a file"
        )
    entries: Log = []
    for part in parts:
        new = [_entry(line, part) for line in part.read_text().splitlines() if line]
        begin = min((entry["step"] for entry in new if "step" in entry), default=0)
        entries = [entry for entry in entries if entry.get("step", 0) < begin] + new
    return entries


def _entry(line: str, path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path} has a line that is no entry: {line[:80]!r}"
        ) from error


def values(log: Log, key: str) -> tuple[list[int], list[float]]:
    """Steps and values of a key; both empty where it never stands."""
    found = [entry for entry in log if key in entry and "step" in entry]
    return [entry["step"] for entry in found], [entry[key] for entry in found]


def summary(logs: Mapping[str, Log], keys: Sequence[str]) -> str:
    """First, last, least and greatest value of each key, and seconds per iteration.

    Raises:
        ValueError: If no run has a key; it says which there are.
    """
    lines = []
    for key in keys:
        if not any(values(log, key)[0] for log in logs.values()):
            known = sorted(set(chain.from_iterable(chain.from_iterable(logs.values()))))
            raise ValueError(f"no run has `{key}`, got {known}")
        for name, log in logs.items():
            steps, found = values(log, key)
            if not steps:
                lines.append(f"{name}: no {key}")
                continue
            lines.append(
                f"{name}: {key} {found[0]:.4g} at step {steps[0]}, {found[-1]:.4g} at "
                f"step {steps[-1]}, least {min(found):.4g}, greatest {max(found):.4g}"
            )
    for name, log in logs.items():
        times = [entry["time"] for entry in log if "loss" in entry and "time" in entry]
        if times:
            middle, slow = np.percentile(times, [50, 95])
            lines.append(f"{name}: {middle:.3f} s per iteration, 95 % below {slow:.3f}")
    return "\n".join(lines)


def draw(logs: Mapping[str, Log], keys: Sequence[str], path: Path) -> None:
    """One panel per key, one line per run."""
    figure = Figure(figsize=(5 * len(keys), 3.6), layout="constrained", dpi=120)
    for axes, key in zip(figure.subplots(1, len(keys), squeeze=False)[0], keys):
        for name, log in logs.items():
            steps, found = values(log, key)
            axes.plot(steps, found, marker="." * (len(steps) < 30), label=name)
        axes.set(title=key, xlabel="step")
        axes.spines[["top", "right"]].set_visible(False)
    if len(logs) > 1:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center")
    write_figure(path, figure)
