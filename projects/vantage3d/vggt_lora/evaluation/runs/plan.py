"""What an evaluation is asked for and works through: config, windows and models."""

import copy
import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Subset

from vantage3d.engine.configs.config import load_config
from vantage3d.engine.errors import CheckpointError, ConfigError
from vantage3d.engine.launch import set_data_root
from vantage3d.evaluation.results.folder import ResultFolder, write_json
from vantage3d.evaluation.results.run import METADATA, natural_order
from vantage3d.evaluation.results.windows import (
    FILE,
    UNLABELLED,
    EvaluationWindow,
    WindowChoice,
    WindowRules,
    load_windows,
    window_id,
)
from vantage3d.evaluation.windows.contracts import MetricOptions, check_labels
from vantage3d.evaluation.windows.predicted import PredictedWindows
from vantage3d.evaluation.windows.trivial import trivial_answers
from vantage3d.io.checksums import read_sealed
from vantage3d.io.manifest import open_manifest
from vantage3d.io.names import public_name
from vantage3d.process.machine import chosen_device, device_facts, versions
from vantage3d.process.shards import Shard
from vantage3d.registry import DATASETS
from vantage3d.vggt_lora.evaluation.runs.models import (
    PREDICTIONS,
    TRIVIAL,
    EvaluatedModel,
    ModelFactory,
    list_models,
)
from vantage3d.views.batch import Sample
from vantage3d.views.fixed_windows import fixed_windows, median_map
from vantage3d.views.frame import BadSampleError
from vantage3d.views.kitti360 import SHARES, make_buckets

FORMAT = 3  # raised when the same options give other numbers or files
STATE = ".state/evaluate_depth"
LIBRARIES = ("torch", "mmengine", "peft")
REASON = "skipped"
RESERVED = r"baseline$|checkpoint_\d+$|merged_|trivial_"  # names of other models
MEDIAN_OF = 200  # training frames at most that the trivial median map is made of


def index_hash(dataset: Any) -> str:
    """SHA-256 of what the index of a dataset says about every frame."""
    digest = hashlib.sha256(type(dataset).__name__.encode())
    for fact in dataset.index_facts():
        digest.update(json.dumps(fact, sort_keys=True).encode())
    return digest.hexdigest()


def choose_windows(dataset: Any, rules: WindowRules) -> WindowChoice:
    """Choose among the fixed windows of a dataset in test mode, cut by the rules.

    Raises:
        ValueError: If buckets are asked for and the split has no labels.
    """
    windows = [
        EvaluationWindow(window_id(name, ids), name, ids, _bucket(dataset, name, ids))
        for name, ids in fixed_windows(dataset)
    ]
    available = dict(Counter(window.bucket for window in windows))
    if rules.stratified and set(available) == {UNLABELLED}:
        raise ValueError(
            f"--stratified-sampling needs building ratios, but split {rules.split!r} "
            f"of {dataset.data_root} has no labels. Choose without it"
        )
    rng = np.random.default_rng(rules.seed)
    number = min(rules.max_seqs or len(windows), len(windows))
    if rules.stratified:
        picked = _by_bucket(windows, number, rng)
    else:
        picked = rng.permutation(len(windows))[:number].tolist()
    return WindowChoice(
        rules,
        Path(dataset.data_root).resolve().name,
        index_hash(dataset),
        tuple(windows[i] for i in sorted(picked)),
        available,
        dict(SHARES) if rules.stratified else None,
    )


def check_windows(choice: WindowChoice, dataset: Any, path: Path) -> list[int]:
    """Indices in ``dataset`` of the windows of a file.

    Raises:
        ValueError: If the file belongs to another data root or another split, or the
            dataset lacks a window of it.
    """
    name, found = Path(dataset.data_root).resolve().name, index_hash(dataset)
    if choice.rules.split != dataset.split or choice.index_hash != found:
        raise ValueError(
            f"windows file {path} was made on split {choice.rules.split!r} of "
            f"{choice.data_root} (index {choice.index_hash[:12]}), this is split "
            f"{dataset.split!r} of {name} (index {found[:12]}): results would not be "
            "comparable. Give the data it was made on, or choose windows in another "
            "--out-dir"
        )
    known = {window: i for i, window in enumerate(fixed_windows(dataset))}
    for window in choice.windows:
        if (window.sequence, window.frames) not in known:
            raise ValueError(
                f"windows file {path} names frames {list(window.frames)} of "
                f"{window.sequence}, which are no window of the data. Choose the "
                "windows anew in another --out-dir"
            )
    return [known[window.sequence, window.frames] for window in choice.windows]


def _bucket(dataset: Any, sequence: str, frames: Sequence[int]) -> str:
    ratio = dataset.building_ratio(sequence, frames[len(frames) // 2])
    if ratio is None:
        return UNLABELLED
    return next(name for name, where in make_buckets([ratio]).items() if len(where))


def _by_bucket(
    windows: Sequence[EvaluationWindow], number: int, rng: np.random.Generator
) -> list[int]:
    """Indices by the shares of the recipe; what a bucket lacks the others give."""
    queues = {}
    for name in (*SHARES, UNLABELLED):
        members = [i for i, window in enumerate(windows) if window.bucket == name]
        queues[name] = rng.permutation(members).tolist()
    wanted = {name: int(share * number) for name, share in SHARES.items()}
    picked = [i for name, share in wanted.items() for i in queues[name][:share]]
    rest = [i for name in queues for i in queues[name][wanted.get(name, 0) :]]
    # The last bucket takes what rounding leaves over, then whoever has windows.
    last = list(SHARES)[-1]
    spare = sorted(rest, key=lambda i: windows[i].bucket != last)
    return picked + spare[: number - len(picked)]


class WindowDataset(Dataset):
    """Windows of a dataset in test mode by index, each a sample or why it is none."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        try:
            return {"window": index, **self.dataset[self.indices[index]]}
        except BadSampleError as error:
            return {"window": index, REASON: str(error)}


def test_data(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Config of the test data, without a choice of windows around it.

    Raises:
        ConfigError: If the config has no test data.
    """
    loader = cfg.get("test_dataloader")
    if loader is None:
        raise ConfigError("the config has no `test_dataloader`: nothing to evaluate on")
    config = copy.deepcopy(dict(loader["dataset"]))
    while "dataset" in config:
        config = dict(config["dataset"])
    return config


def open_dataset(cfg: Mapping[str, Any], rules: WindowRules) -> Any:
    """The test data of a config, cut into windows as the rules say."""
    changes = dict(
        split=rules.split,
        frames=rules.seq_len,
        stride=rules.seq_stride,
        test_mode=True,
        min_valid=0,
    )
    return DATASETS.build({**test_data(cfg), **changes})


def load_samples(
    samples: WindowDataset, places: Sequence[int], workers: int
) -> DataLoader:
    """Samples at some places in order, one at a time, read by ``workers`` processes."""
    return DataLoader(
        Subset(samples, places),
        batch_size=None,
        num_workers=workers,
        worker_init_fn=_start_worker if workers else None,
        prefetch_factor=2 if workers else None,
    )


def _start_worker(worker: int) -> None:
    import cv2

    cv2.setNumThreads(0)


@dataclass(frozen=True)
class RunOptions:
    """Everything that ``tools/evaluate_depth.py`` is told; its ``--help`` explains it.

    ``rules`` say how windows are chosen where ``windows`` names no file of them, and
    ``shard`` which models are this process's, if several work on one folder.
    """

    config: str
    runs: Sequence[Path]
    out_dir: Path
    rules: WindowRules
    windows: Path | None = None
    metrics: MetricOptions = field(default_factory=MetricOptions)
    cfg_options: Mapping[str, Any] = field(default_factory=dict)
    data_root: str | None = None
    bf16: bool = False
    device: str = "cpu"
    workers: int = 0
    metric_workers: int = 1
    repeats: int = 20
    merge: str = "last"
    overwrite: bool = False
    predictions: Sequence[Path] = ()
    base: bool = True
    models_at_once: int = 1
    parallel_models: int = 1
    shard: Shard = field(default_factory=Shard)

    def __post_init__(self) -> None:
        chosen_device(self.device)
        if self.workers < 0 or self.repeats < 0:
            raise ValueError(
                "--num-workers and --repeats must not be negative, got "
                f"{self.workers} and {self.repeats}"
            )
        for option in ("models_at_once", "parallel_models"):
            if (value := getattr(self, option)) < 1:
                name = option.replace("_", "-")
                raise ValueError(f"--{name} must be at least 1, got {value}")
        self._check_shard()

    def _check_shard(self) -> None:
        if self.shard.is_all:
            return
        if self.overwrite:
            raise ValueError(
                f"--overwrite with {self.shard.world_size} processes could delete what "
                f"the others write. Delete {self.out_dir} and call without it"
            )
        if self.repeats:
            raise ValueError(
                f"--repeats {self.repeats} would time models of {self.shard} while "
                "others run. Give --repeats 0, and time them with --parallel-models, "
                "which does so before, or in an evaluation of their own"
            )

    @property
    def own_device(self) -> str:
        """The device; of several GPUs this process's."""
        if self.device != "cuda" or self.shard.is_all:
            return self.device
        return f"cuda:{self.shard.rank % torch.cuda.device_count()}"


@dataclass
class Plan:
    """Everything that the models of an evaluation share.

    ``models`` are in the order of evaluation; ``data`` is what of the data's config
    decides the truth: kind of depth, size, limits; ``speeds`` are of models that were
    timed already.
    """

    options: RunOptions
    factory: ModelFactory
    models: list[EvaluatedModel]
    choice: WindowChoice
    samples: WindowDataset
    data: Mapping[str, Any]
    speeds: dict[str, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder = ResultFolder(self.options.out_dir)

    def finished(self, model: EvaluatedModel) -> bool:
        """Whether these weights were measured to the end, by any process."""
        facts = self._noted().get(model.name, {})
        return facts.get("weights_hash") == model.weights_hash

    def _noted(self) -> dict[str, dict[str, Any]]:
        """Facts of finished models: those in metadata.json, and those of shares."""
        known = {}
        if (self.folder.root / METADATA).is_file():
            known = self.folder.metadata()["models"]
        names = self.folder.finished()
        for name in names:
            if (path := self._of_share(name)).is_file():
                facts = read_sealed(path, "model of a share", "Remove it")
                known[name] = {k: v for k, v in facts.items() if k != "name"}
        return {name: known[name] for name in names if name in known}

    def _of_share(self, name: str) -> Path:
        return self.folder.root / STATE / "models" / f"{name}.json"

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
            "precision": self.factory.precision,
            "model": json.loads(json.dumps(model, default=str)),
            "data": json.loads(json.dumps(self.data, default=str)),
        }

    def trivial(self) -> list[EvaluatedModel]:
        """Models of the trivial rows."""
        return [
            EvaluatedModel(name, TRIVIAL, "", self._hash_of_median_map)
            for name in trivial_answers(self.median_map)
        ]

    @property
    def _hash_of_median_map(self) -> str:
        content = b"" if self.median_map is None else self.median_map.tobytes()
        return hashlib.sha256(content).hexdigest()

    @cached_property
    def median_map(self) -> NDArray[np.float32] | None:
        """(H, W) median depth of training frames; None where there are none alike."""
        rules = replace(self.options.rules, split="train", seq_len=1, seq_stride=1)
        try:
            train = open_dataset(open_config(self.options), rules)
        except (FileNotFoundError, ValueError) as error:
            text = f"no row of the training frames' median depth: {error}"
            print_log(text, logger="current")
            return None
        places = np.linspace(0, len(train) - 1, min(MEDIAN_OF, len(train))).astype(int)
        samples = WindowDataset(train, places.tolist())
        found = [samples[i] for i in range(len(samples))]
        depths = [s["depth"][0].numpy() for s in found if "depth" in s]
        if len({depth.shape for depth in depths}) != 1:
            return None  # of views of different sizes there is no median
        return median_map(np.stack(depths))

    def note(self, model: EvaluatedModel) -> None:
        """Enter a finished model into what is told of all; a share leaves it beside."""
        choice, options = self.choice, self.options
        if not options.shard.is_all:
            write_json(self._of_share(model.name), asdict(model))
            return
        self.folder.write_overall()
        self._of_share(model.name).unlink(missing_ok=True)
        facts = asdict(model)
        noted = {**self._noted(), facts.pop("name"): facts}
        models = {n: noted[n] for n in sorted(noted, key=natural_order)}
        write_json(
            self.folder.root / METADATA,
            {
                **self.settings,
                "config": options.config,
                **asdict(choice.rules),
                "windows_file": FILE,
                "windows": len(choice.windows),
                "sampling_ratios": choice.ratios,
                "buckets": {"available": choice.available, "chosen": choice.chosen},
                "data_root": choice.data_root,
                "index_hash": choice.index_hash,
                "device": device_facts(options.device),
                "timing": {"repeats": options.repeats, "adapters": "merged"},
                "versions": versions(*LIBRARIES),
                "models": models,
            },
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
    length = options.rules.seq_len or test_data(cfg).get("frames", 8)
    stride = options.rules.seq_stride or length
    rules = replace(options.rules, seq_len=length, seq_stride=stride)
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
    samples = WindowDataset(dataset, indices)
    models = list_models(factory, options.runs, options.merge, options.base)
    plan = Plan(options, factory, models, choice, samples, data)
    plan.models += [*predicted_models(options.predictions, choice), *plan.trivial()]
    open_manifest(options.out_dir / STATE, plan.settings, options.overwrite)
    choice.save(options.out_dir / FILE)
    return plan


def predicted_models(
    folders: Sequence[Path], choice: WindowChoice
) -> list[EvaluatedModel]:
    """Folders of predictions as models, named as they are.

    Raises:
        CheckpointError: If two have one name, or one is named as a model of a run.
        FileNotFoundError: If a window has no file.
        ValueError: If a frame is missing.
    """
    found: dict[str, EvaluatedModel] = {}
    for folder in folders:
        name = public_name(folder.resolve().name)
        if name in found or re.match(RESERVED, name):
            raise CheckpointError(
                f"--predictions {folder} would be the model {name!r}, a name that is "
                "taken. Rename the folder"
            )
        digest = PredictedWindows(folder, choice.windows).hash()
        found[name] = EvaluatedModel(name, PREDICTIONS, str(folder), digest)
    return list(found.values())


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
