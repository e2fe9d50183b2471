"""Running a study: every row is what ``tools/test.py`` does with the row's settings."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import FUNCTIONS

from vantage3d.deltas.evaluation.classical import (
    DETECTORS,
    ClassicalBaseline,
    predict_sample,
)
from vantage3d.deltas.evaluation.studies import (
    CLASSICAL,
    STUDIES,
    Result,
    Row,
    Settings,
    Study,
)
from vantage3d.deltas.evaluation.study_report import write_study
from vantage3d.engine.configs.config import load_config
from vantage3d.engine.launch import set_data_root, test
from vantage3d.process.progress import track
from vantage3d.registry import DATASETS, METRICS

QUIET: dict[str, Any] = {"custom_hooks": []}  # a row needs no report of its own


@dataclass(frozen=True)
class Source:
    """What all rows of a study share.

    Attributes:
        config: Path of the config.
        checkpoint: Weights, or the work dir of a run.
        out: Folder of the study.
        data_root: Data instead of the config's.
        options: Config keys that differ in all rows.
    """

    config: str
    checkpoint: Path
    out: Path
    data_root: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def run_study(name: str, source: Source, settings: Settings) -> str:
    """Run a study and write its report.

    Args:
        name: One of :data:`STUDIES`, or :data:`CLASSICAL`.
        source: Config, weights, output folder.
        settings: What differs between rows; the narrow range is taken from the config.

    Returns:
        The report, markdown.

    Raises:
        EngineError: If a config or checkpoint is wrong.
        ValueError: If settings make no study, or numbers contradict each other.
    """
    if name == CLASSICAL:
        results = [*run_rows(source, [Row("network", x=-1.0)]), *run_classical(source)]
        return write_study(source.out, name, Study(lambda _: []), results)
    narrow = load_config(source.config, dict(source.options)).model.search_range
    settings = replace(settings, narrow=(narrow[0], narrow[1]))
    study = STUDIES[name]
    results = run_rows(source, study.rows(settings))
    return write_study(source.out, name, study, results)


def run_rows(source: Source, rows: list[Row]) -> list[Result]:
    """Test every row, one after the other.

    Raises:
        EngineError: If a config or checkpoint is wrong.
        ValueError: If the numbers of a row contradict each other.
    """
    return [_run_row(source, row) for row in track(rows, description="rows")]


def _run_row(source: Source, row: Row) -> Result:
    options = {**QUIET, **source.options, **row.options}
    checkpoint = row.checkpoint or source.checkpoint
    folder = source.out / re.sub(r"\W+", "_", row.name)
    metrics = test(
        source.config,
        str(checkpoint),
        work_dir=str(folder),
        cfg_options=options,
        data_root=source.data_root,
    )
    return Result(row, metrics, command_of(source, checkpoint, options))


def command_of(source: Source, checkpoint: Path, options: Mapping[str, Any]) -> str:
    """``tools/test.py`` with the settings of a row."""
    words = ["python", "tools/test.py", source.config, str(checkpoint)]
    if source.data_root is not None:
        words += ["--data-root", source.data_root]
    if options:
        words.append("--cfg-options")
    for key, value in options.items():
        words.append(f"{key}={value}".replace(", ", ","))
    return shlex.join(words)


def run_classical(source: Source) -> list[Result]:
    """The classical baselines on the test samples of the config."""
    cfg = load_config(source.config, dict(source.options))
    if source.data_root is not None:
        set_data_root(cfg, source.data_root)
    samples = DATASETS.build(cfg.test_dataloader.dataset)
    collate = FUNCTIONS.get(cfg.test_dataloader.collate_fn["type"])
    results = []
    for number, name in enumerate(DETECTORS):
        baseline, metric = ClassicalBaseline(name), METRICS.build(cfg.test_evaluator)
        for index in track(range(len(samples)), description=name):
            batch = collate([samples[index]])
            one = {k: v[0] for k, v in batch["inputs"].items() if torch.is_tensor(v)}
            metric.process(batch, [predict_sample(baseline, one)])
        row = Row(name, x=float(number))
        results.append(Result(row, metric.evaluate(len(samples)), ""))
    return results
