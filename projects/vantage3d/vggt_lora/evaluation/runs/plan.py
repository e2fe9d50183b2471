"""What an evaluation works through: config, windows and models, opened and checked."""

import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from mmengine.config import Config

from vantage3d.engine.configs.config import load_config
from vantage3d.engine.launch import set_data_root
from vantage3d.evaluation.results.folder import ResultFolder
from vantage3d.evaluation.results.run import natural_order
from vantage3d.evaluation.results.windows import (
    FILE,
    UNLABELLED,
    WindowChoice,
    load_windows,
)
from vantage3d.evaluation.windows.contracts import check_labels
from vantage3d.io.manifest import open_manifest
from vantage3d.process.memory import total_memory_mb
from vantage3d.vggt_lora.evaluation.runs.models import (
    EvaluatedModel,
    ModelFactory,
    list_models,
)
from vantage3d.vggt_lora.evaluation.runs.options import RunOptions
from vantage3d.vggt_lora.evaluation.runs.windows import (
    WindowDataset,
    check_windows,
    choose_windows,
    open_dataset,
    test_data,
)

FORMAT = 2  # raised when the same options give other numbers or files
STATE = ".state/evaluate_depth"
LIBRARIES = ("vantage3d", "numpy", "scipy", "mmengine", "peft")


@dataclass
class Plan:
    """Everything that the models of an evaluation share.

    Attributes:
        options: What was asked for, with all rules filled in.
        factory: Builds the models.
        models: Base, checkpoints and merged weights, in the order of evaluation.
        choice: The windows.
        samples: Samples of the windows.
        data: What of the data's config decides the truth: kind of depth, size, limits.
    """

    options: RunOptions
    factory: ModelFactory
    models: list[EvaluatedModel]
    choice: WindowChoice
    samples: WindowDataset
    data: Mapping[str, Any]

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

    def is_finished(self, model: EvaluatedModel) -> bool:
        """Whether a model with these weights was evaluated to the end."""
        facts = self.noted.get(model.name, {})
        return facts.get("weights_hash") == model.weights_hash

    def note(self, model: EvaluatedModel) -> None:
        """Enter a finished model into metadata.json."""
        self.noted[model.name] = model.facts()
        choice, rules, options = self.choice, self.choice.rules, self.options
        self.folder.write_metadata(
            {
                **self.settings,
                "config": options.config,
                "split": rules.split,
                "windows_file": FILE,
                "windows": len(choice.windows),
                "seq_len": rules.seq_len,
                "seq_stride": rules.seq_stride,
                "max_seqs": rules.max_seqs,
                "stratified": rules.stratified,
                "sampling_ratios": choice.ratios,
                "buckets": {"available": choice.available, "chosen": choice.chosen},
                "seed": rules.seed,
                "data_root": choice.data_root,
                "index_hash": choice.index_hash,
                "device": device_facts(options.device),
                "timing": {"repeats": options.repeats, "adapters": "merged"},
                "versions": versions(),
                "models": {
                    name: self.noted[name]
                    for name in sorted(self.noted, key=natural_order)
                },
            }
        )


def open_plan(options: RunOptions) -> Plan:
    """Open and check everything before the first window is measured.

    Raises:
        CheckpointError: If a checkpoint is damaged, or two have one name.
        ConfigError: If the config has no VGGT or no test data.
        ValueError: If the folder holds results of other options, windows belong to
            other data, or buildings are to be measured without labels.
    """
    cfg = open_config(options)
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
    # What windows say themselves does not decide the truth.
    told = ("data_root", "split", "frames", "stride", "length", "packed")
    data = {key: value for key, value in test_data(cfg).items() if key not in told}
    samples = WindowDataset(dataset, choice.windows, indices)
    models = list_models(factory, options.runs, options.merge)
    plan = Plan(options, factory, models, choice, samples, data)
    open_manifest(options.out_dir / STATE, plan.settings, options.overwrite)
    choice.save(options.out_dir / FILE)
    return plan


def open_config(options: RunOptions) -> Config:
    """The config with what the options change."""
    cfg = load_config(options.config, options.cfg_options)
    if options.data_root is not None:
        set_data_root(cfg, options.data_root)
    return cfg


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


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers may depend on."""
    found = {"python": platform.python_version(), "torch": torch.__version__}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def device_facts(device: str) -> dict[str, Any]:
    """Name and memory of the device that networks run on."""
    if device.startswith("cuda"):
        facts = torch.cuda.get_device_properties(torch.device(device))
        memory = facts.total_memory / 2**20
        return {"type": "cuda", "name": facts.name, "memory_mb": memory}
    return {
        "type": "cpu",
        "name": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "memory_mb": total_memory_mb(),
    }
