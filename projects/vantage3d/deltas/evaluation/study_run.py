"""A study: each row is what ``tools/test.py`` does with its settings, then a report."""

import json
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from mmengine.registry import FUNCTIONS
from numpy.typing import NDArray

from vantage3d.deltas.evaluation.classical import (
    DETECTORS,
    ClassicalBaseline,
    predict_sample,
)
from vantage3d.deltas.evaluation.sparse_points import (
    CLOSE,
    SPARSE,
    by_chance,
    doubts,
)
from vantage3d.deltas.evaluation.studies import (
    CLASSICAL,
    EVALUATOR,
    STUDIES,
    Result,
    Row,
    Settings,
    Study,
)
from vantage3d.engine.configs.config import load_config
from vantage3d.engine.launch import set_data_root, test
from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.results.compare import LEGEND, difference
from vantage3d.evaluation.results.run import FRAMES_CSV, Model, Stat
from vantage3d.evaluation.stereo_depth import EIGHT
from vantage3d.io.arrays import load_arrays
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.images import write_figure
from vantage3d.process.option_values import option_text
from vantage3d.process.progress import track
from vantage3d.registry import DATASETS, METRICS

QUIET: dict[str, Any] = {"custom_hooks": []}  # a row needs no report of its own
COMMON = ("sparse.common.abs_rel_median", "sparse.common.within_5")
# Relative difference of AbsRel below which views made no difference.
SAME = 1e-3
FEW = 0.5


@dataclass(frozen=True)
class Source:
    """What all rows of a study share.

    ``checkpoint`` may be the work dir of a run; ``options`` are config keys that differ
    in all rows.
    """

    config: str
    checkpoint: Path
    out: Path
    data_root: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def run_study(name: str, source: Source, settings: Settings) -> str:
    """Run a study, write its report and return it, markdown.

    The narrow range of the settings and the number of views are the config's.

    Raises:
        EngineError: If a config or checkpoint is wrong.
        ValueError: If settings make no study, or numbers contradict each other.
    """
    if name == CLASSICAL:
        results = [*run_rows(source, [Row("network", x=-1.0)]), *run_classical(source)]
        return write_study(source.out, name, Study(lambda _: []), results)
    cfg = load_config(source.config, dict(source.options))
    narrow, views = cfg.model.search_range, cfg.test_dataloader.dataset.frames
    settings = replace(settings, narrow=(narrow[0], narrow[1]), views=views)
    study = STUDIES[name]
    results = run_rows(source, study.rows(settings))
    return write_study(source.out, name, study, compare_points(results))


def run_rows(source: Source, rows: list[Row]) -> list[Result]:
    """Test every row, one after the other."""
    results = []
    for row in track(rows, description="rows"):
        folder = source.out / re.sub(r"\W+", "_", row.name)
        file = {f"{EVALUATOR}.keypoints_file": str(folder / "keypoints.npz")}
        options = {**QUIET, **file, **source.options, **row.options}
        checkpoint = row.checkpoint or source.checkpoint
        metrics = test(
            source.config,
            str(checkpoint),
            work_dir=str(folder),
            cfg_options=options,
            data_root=source.data_root,
        )
        words = ["tools/test.py", source.config, str(checkpoint)]
        command = command_of(source, words, options)
        results.append(Result(row, metrics, command, folder / "keypoints.npz"))
    return results


def compare_points(results: Sequence[Result]) -> list[Result]:
    """Errors of the keypoints that every row but the controls has triangulated.

    Rows triangulate other keypoints, the more the easier they are, so their own medians
    cannot be compared. Where rows share less than :data:`FEW` of their keypoints,
    because other weights or sizes detect others, there is nothing to compare.
    """
    rows = [r for r in results if r.row.x is not None]
    numbers: dict[str, int] = {}  # of anchors
    points = [_keypoints(r.keypoints, numbers) for r in rows]
    shared = reduce(np.intersect1d, [keys for keys, _, _ in points])
    common = reduce(np.intersect1d, [keys[found > 0] for keys, found, _ in points])
    if not len(common) or len(shared) < FEW * min(len(keys) for keys, _, _ in points):
        return list(results)
    errors = {}
    for result, (keys, found, truth) in zip(rows, points):
        at = np.isin(keys, common)
        off = np.abs(found[at] - truth[at]) / truth[at]
        errors[result.row.name] = {
            "sparse.common.abs_rel_median": float(np.median(off)),
            "sparse.common.within_5": float((off < CLOSE).mean()),
            "count.common_keypoints": len(common),
        }
    return [
        replace(r, metrics={**r.metrics, **errors.get(r.row.name, {})}) for r in results
    ]


def _keypoints(
    path: Path | None, numbers: dict[str, int]
) -> tuple[NDArray, NDArray, NDArray]:
    """Keys of anchor and whole pixel, depth (NaN where there is none), and truth.

    ``numbers`` gives anchors their numbers, and new ones the next.
    """
    assert path is not None
    names = ("anchor", "count", "pixels", "found", "truth")
    columns = load_arrays(path, "keypoints of a row", "Run the study again", names)
    own = [
        numbers.setdefault(name, len(numbers)) for name in columns["anchor"].tolist()
    ]
    x, y = columns["pixels"].astype(np.int64).T
    keys = np.repeat(own, columns["count"]) << 32 | y << 16 | x
    return keys, columns["found"], columns["truth"]


def command_of(source: Source, words: Sequence[str], options: Mapping) -> str:
    """A command, ``words``, on the study's data, with settings."""
    words = ["python", *words]
    if source.data_root is not None:
        words += ["--data-root", source.data_root]
    if options:
        words.append("--cfg-options")
    words += [f"{key}={option_text(value)}" for key, value in options.items()]
    return shlex.join(words)


def run_classical(source: Source) -> list[Result]:
    """The classical baselines on the test samples of the config."""
    cfg = load_config(source.config, dict(source.options))
    if source.data_root is not None:
        set_data_root(cfg, source.data_root)
    samples = DATASETS.build(cfg.test_dataloader.dataset)
    collate = FUNCTIONS.get(cfg.test_dataloader.collate_fn["type"])
    words = ["tools/study_deltas.py", CLASSICAL, source.config, str(source.checkpoint)]
    words += ["--out", str(source.out)]
    command = command_of(source, words, source.options)
    results = []
    for number, name in enumerate(DETECTORS):
        baseline, metric = ClassicalBaseline(name), METRICS.build(cfg.test_evaluator)
        for index in track(range(len(samples)), description=name):
            batch = collate([samples[index]])
            one = {k: v[0] for k, v in batch["inputs"].items() if torch.is_tensor(v)}
            metric.process(batch, [predict_sample(baseline, one)])
        row = Row(name, x=float(number))
        results.append(Result(row, metric.evaluate(len(samples)), command))
    return results


def write_study(
    folder: Path, name: str, study: Study, results: Sequence[Result]
) -> str:
    """Write ``<name>.md``, ``.json`` and ``.png``; return the markdown."""
    text = markdown(name, results)
    rows = [{"row": r.row.name, "command": r.command, **r.metrics} for r in results]
    atomic_write_bytes(folder / f"{name}.md", text.encode())
    atomic_write_bytes(folder / f"{name}.json", json.dumps(rows, indent=1).encode())
    write_figure(folder / f"{name}.png", draw(study, results))
    return text


def markdown(name: str, results: Sequence[Result]) -> str:
    """The table, what must be noticed, and the commands."""
    there = {key for result in results for key in result.metrics}
    keys = [key for key in (*SPARSE, *COMMON, *EIGHT) if key in there]
    paired = paired_errors(results)
    titles = ["row", *(find(key).title for key in keys), *paired[:1]]
    lines = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    for result, *gain in zip(results, *([paired[1:]] if paired else [])):
        star = "" if result.row.same_mask else " *"
        values = (result.metrics.get(key, math.nan) for key in keys)
        cells = ["-" if math.isnan(value) else f"{value:.4f}" for value in values]
        cells += gain
        lines.append(f"| {result.row.name}{star} | " + " | ".join(cells) + " |")
    notes = warnings(results)
    if paired:
        notes.append(f"{LEGEND}.")
    if counts := {r.metrics.get("count.common_keypoints") for r in results} - {None}:
        notes.append(f"{counts.pop()} keypoints are triangulated in all rows.")
    if any(not result.row.same_mask for result in results):
        notes.append(
            "\\* other pixels are judged in this row: not comparable with the others."
        )
    commands = dict.fromkeys(f"    {r.command}" for r in results)
    parts = [f"# Study: {name}", "", *lines, "", *(f"- {note}" for note in notes)]
    return "\n".join([*parts, "", *commands, ""])


def paired_errors(results: Sequence[Result]) -> list[str]:
    """Title and cells of the column of AbsRel against the first row; [] without tables.

    Rows of another mask have none: they are of other pixels.
    """
    key = EIGHT[0]
    models = [
        Model(r.row.name, {key: Stat(r.metrics[key])}, r.keypoints.parent)
        if r.keypoints is not None and r.row.same_mask
        else None
        for r in results
    ]
    first = models[0] if models else None
    if first is None or not (first.folder / FRAMES_CSV).is_file():
        return []
    cells = [
        "" if model in (None, first) else difference(model, first, key)
        for model in models
    ]
    return [f"{find(key).title} - {first.name}", *cells]


def warnings(results: Sequence[Result]) -> list[str]:
    """Rows in which the views cannot have been used, or that cannot be compared."""
    notes = []
    named = {r.row.name: r.metrics for r in results}
    counts = {r.metrics["count.frames"] for r in results if "count.frames" in r.metrics}
    if len(counts) > 1:
        notes.append(
            f"Rows have {min(counts):g} to {max(counts):g} anchors: dense errors are "
            "of other images. Frames are missing that the first row has."
        )
    for result in results:
        row, metrics = result.row, result.metrics
        if row.x is None:
            continue
        notes += [f"{row.name}: {note}." for note in doubts(metrics)]
        if row.control not in named:
            continue
        guess = named[row.control][EIGHT[0]]
        if abs(metrics[EIGHT[0]] - guess) < SAME * guess:
            notes.append(
                f"{row.name}: AbsRel equals that without any point ({guess:.4f}): "
                "triangulation made no difference."
            )
        elif metrics[EIGHT[0]] > guess:
            notes.append(
                f"{row.name}: AbsRel {metrics[EIGHT[0]]:.4f} is worse than {guess:.4f} "
                "without any point: the points harm."
            )
    return notes


def draw(study: Study, results: Sequence[Result]) -> Figure:
    """Errors of dense depth and of the sparse points, and the share triangulated."""
    figure = Figure(figsize=(9, 3.8), layout="constrained", dpi=120)
    left, right = figure.subplots(1, 2)
    drawn = [r for r in results if r.row.x is not None]
    xs, metrics = [r.row.x for r in drawn], [r.metrics for r in drawn]
    guesses = {r.row.name: r.metrics[EIGHT[0]] for r in results}
    controls = {r.row.control for r in drawn}
    curves = {
        "dense AbsRel": [m[EIGHT[0]] for m in metrics],
        "dense, no points": [guesses.get(r.row.control, math.nan) for r in drawn],
        "sparse, median": [m.get(SPARSE[1], math.nan) for m in metrics],
        "sparse, of common points": [m.get(COMMON[0], math.nan) for m in metrics],
    }
    shares = {
        "keypoints triangulated": [m.get(SPARSE[0], math.nan) for m in metrics],
        "within 5 %, of all": [m.get(SPARSE[3], math.nan) for m in metrics],
        "the same by chance": [by_chance(m) for m in metrics],
    }
    for axes, lines in (left, curves), (right, shares):
        for label, values in lines.items():
            if not all(map(math.isnan, values)):
                axes.plot(xs, values, "o-", label=label)
    for result in results:
        if result.row.x is None and result.row.name not in controls:
            height = result.metrics[EIGHT[0]]
            left.axhline(height, linestyle=":", linewidth=1, color="0.4")
            left.annotate(
                result.row.name, (0.01, height), xycoords=("axes fraction", "data"),
                fontsize=7, va="bottom",
            )  # fmt: skip
    left.set_ylabel("relative error")
    right.set_ylabel("share")
    right.set_ylim(0, 1.03)
    left.set_ylim(0, 1.1 * left.get_ylim()[1])
    for axes in (left, right):
        names = [f"{r.row.x:g}" if study.axis else r.row.name for r in drawn]
        axes.set_xticks(xs, names)
        if not study.axis:
            axes.tick_params(axis="x", labelrotation=30, labelsize=7)
        axes.set_xlabel(study.axis)
        axes.legend(fontsize=8, frameon=False, ncol=2, loc="lower left",
                    bbox_to_anchor=(0, 1.0))  # fmt: skip
        axes.spines[["top", "right"]].set_visible(False)
    return figure
