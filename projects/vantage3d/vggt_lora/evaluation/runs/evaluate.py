"""``tools/evaluate_depth.py``: the models of a run on one fixed set of windows."""

import gc
import json
import shutil
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from torch import nn

from vantage3d.engine.configs.config import load_config
from vantage3d.engine.launch import set_data_root
from vantage3d.evaluation.results.folder import RECORDS, ResultFolder
from vantage3d.evaluation.results.records import MeasuredWindow, RecordFile
from vantage3d.evaluation.results.summary import Statistics, single, summarise
from vantage3d.evaluation.results.windows import (
    FILE,
    UNLABELLED,
    WindowChoice,
    load_windows,
)
from vantage3d.evaluation.windows.contracts import check_labels
from vantage3d.io.manifest import open_manifest
from vantage3d.vggt_lora.evaluation.runs.metadata import run_metadata
from vantage3d.vggt_lora.evaluation.runs.model_pass import ModelPass
from vantage3d.vggt_lora.evaluation.runs.models import (
    EvaluatedModel,
    ModelFactory,
    list_models,
)
from vantage3d.vggt_lora.evaluation.runs.options import RunOptions
from vantage3d.vggt_lora.evaluation.runs.timing import TimingTask, time_alone
from vantage3d.vggt_lora.evaluation.runs.window_loader import (
    WindowDataset,
    open_dataset,
    test_data,
)
from vantage3d.vggt_lora.evaluation.runs.windows import check_windows, choose_windows

FORMAT = 1  # raised when the same options give other numbers or files
STATE = ".state/evaluate_depth"


def evaluate_run(options: RunOptions) -> ResultFolder:
    """Evaluate base, checkpoints and merged weights; finished models are skipped.

    Raises:
        CheckpointError: If a checkpoint is damaged or does not fit.
        ConfigError: If the config has no VGGT or no test data.
        ValueError: If the folder holds results of other options, windows belong to
            other data, no window can be used, or buildings are to be measured without
            labels.
    """
    evaluation = _open(options)
    models = list_models(evaluation.factory, options.runs, options.merge)
    for number, model in enumerate(models, 1):
        if evaluation.has(model):
            print_log(f"{model.name} is finished, skipped", logger="current")
        else:
            evaluation.evaluate(model, f"{model.name} ({number}/{len(models)})")
        evaluation.note(model)
    return evaluation.folder


@dataclass
class _Evaluation:
    """What the models of one evaluation share.

    Attributes:
        options: What was asked for, with all rules filled in.
        factory: Builds the models.
        choice: The windows.
        samples: Of the windows.
        data: What of the data's config decides the truth: kind of depth, size, limits.
    """

    options: RunOptions
    factory: ModelFactory
    choice: WindowChoice
    samples: WindowDataset
    data: dict[str, Any]

    def __post_init__(self) -> None:
        self.folder = ResultFolder(self.options.out_dir)
        names = self.folder.finished()
        models = self.folder.metadata()["models"] if names else {}
        self.noted = {name: models[name] for name in names if name in models}

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Everything that the numbers depend on, beside the weights."""
        metrics = asdict(self.options.metrics)
        metrics["building_classes"] = metrics.pop("building")
        del metrics["class_names"]
        model = {**self.factory.config, "base_weights": None}  # hashed by themselves
        return {
            "format": FORMAT,
            "windows_hash": self.choice.hash,
            **metrics,
            "bf16": self.options.bf16,
            "model": json.loads(json.dumps(model, default=str)),
            "data": json.loads(json.dumps(self.data, default=str)),
        }

    def has(self, model: EvaluatedModel) -> bool:
        """Whether a model with these weights is finished."""
        facts = self.noted.get(model.name, {})
        return facts.get("weights_hash") == model.weights_hash

    def note(self, model: EvaluatedModel) -> None:
        """Enter a finished model into metadata.json."""
        self.noted[model.name] = model.facts()
        content = run_metadata(self.options, self.choice, self.settings, self.noted)
        self.folder.write_metadata(content)

    def evaluate(self, model: EvaluatedModel, title: str) -> None:
        """Time a model alone, then measure it on all windows."""
        folder = self.folder.model(model.name)
        speed = self._time(model) if self.options.repeats else {}
        identity = {**self.settings, "weights_hash": model.weights_hash}
        file = RecordFile(folder / RECORDS, identity)
        network = _Once(self.factory, model, self.options.device)
        options = self.options
        run = ModelPass(
            network, options.device, self.samples, options.metrics, options.workers
        )
        records = run.run(file, title)
        usable = [i for i, record in enumerate(records) if not record.skipped]
        if not usable:
            raise ValueError(
                f"none of {len(records)} windows can be used; the first because "
                f"{records[0].skipped}"
            )
        run.examples(usable, folder / "examples.npz")
        statistics = {**summarise(records), **_totals(records, speed)}
        self.folder.write_model(model.name, self.choice, records, statistics)
        _report(model.name, records, statistics)

    def _time(self, model: EvaluatedModel) -> dict[str, float]:
        options = self.options
        usable = next((s for s in self.samples if "images" in s), None)
        if usable is None:
            return {}
        frames, _, height, width = usable["images"].shape
        task = TimingTask(
            options.config,
            dict(options.cfg_options),
            model,
            (frames, height, width),
            options.device,
            options.bf16,
            options.repeats,
            torch.get_num_threads(),
        )
        return time_alone(task)


class _Once:
    """The network of a model, built when it is first asked for."""

    def __init__(
        self, factory: ModelFactory, model: EvaluatedModel, device: str
    ) -> None:
        self.factory, self.model, self.device = factory, model, device

    def __call__(self) -> nn.Module:
        return self._network

    @cached_property
    def _network(self) -> nn.Module:
        gc.collect()  # the network of the model before
        return self.factory.build(self.model).to(self.device)


def _open(options: RunOptions) -> _Evaluation:
    """Everything that can be wrong before the first window is."""
    cfg = load_config(options.config, options.cfg_options)
    if options.data_root is not None:
        set_data_root(cfg, options.data_root)
    factory = ModelFactory(cfg, options.bf16)
    rules = options.rules.filled(test_data(cfg).get("frames", 8))
    options = replace(options, rules=rules)
    dataset = open_dataset(cfg, rules)
    choice, indices = _windows(options, dataset)
    labelled = {window.bucket for window in choice.windows} != {UNLABELLED}
    where = f"split {rules.split!r} of {dataset.data_root}"
    check_labels(options.metrics, labelled, where)
    if options.overwrite:
        shutil.rmtree(options.out_dir / "models", ignore_errors=True)
    samples = WindowDataset(dataset, choice.windows, indices)
    evaluation = _Evaluation(options, factory, choice, samples, _truth(cfg))
    open_manifest(options.out_dir / STATE, evaluation.settings, options.overwrite)
    choice.save(options.out_dir / FILE)
    return evaluation


def _truth(cfg: Config) -> dict[str, Any]:
    """Config of the data without what windows say themselves."""
    told = ("data_root", "split", "frames", "stride", "length", "packed")
    return {key: value for key, value in test_data(cfg).items() if key not in told}


def _windows(options: RunOptions, dataset: Any) -> tuple[WindowChoice, list[int]]:
    """The windows of a file, of the folder, or newly chosen ones."""
    own = options.out_dir / FILE
    again = own.is_file() and not options.overwrite
    path = options.windows or own
    if options.windows or again:
        choice = load_windows(path)
    else:
        choice = choose_windows(dataset, options.rules)
    if again and not options.windows and choice.rules != options.rules:
        raise ValueError(
            f"{own} was chosen by {choice.rules}, now {options.rules} is asked for. "
            "Use the same options, another --out-dir, or --overwrite"
        )
    return choice, check_windows(choice, dataset, path)


def _totals(records: list[MeasuredWindow], speed: dict[str, float]) -> Statistics:
    skipped = sum(bool(record.skipped) for record in records)
    counts = {
        "windows": len(records) - skipped,
        "skipped_windows": skipped,
        "frames": sum(len(record.frames) for record in records),
    }
    speed = {**speed, "eval_seconds": sum(record.seconds for record in records)}
    return {
        **{f"performance.{name}": single(value) for name, value in speed.items()},
        **{f"count.{n}": {**single(v), "sum": v} for n, v in counts.items()},
    }


def _report(name: str, records: list[MeasuredWindow], statistics: Statistics) -> None:
    """Say what must not be overlooked."""
    reasons = [record.skipped for record in records if record.skipped]
    if reasons:
        text = f"{len(reasons)} of {len(records)} windows skipped; the first because "
        print_log(f"{name}: {text}{reasons[0]}", logger="current")
    unusable = statistics.get("count.nan_pixels", {}).get("sum", 0)
    if unusable:
        text = (
            "pixels with known depth have a prediction that is not finite and positive"
        )
        print_log(f"{name}: {unusable:.0f} {text}", logger="current")
