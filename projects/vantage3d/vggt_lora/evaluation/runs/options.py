"""What an evaluation of a run is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from vantage3d.checks import check_choice
from vantage3d.evaluation.results.windows import WindowRules
from vantage3d.evaluation.windows.contracts import MetricOptions
from vantage3d.vggt_lora.evaluation.runs.models import LAST


@dataclass(frozen=True)
class RunOptions:
    """Everything that ``tools/evaluate_depth.py`` is told.

    Attributes:
        config: Config of the run: network, base weights, test data.
        runs: Work dirs, checkpoints or exported adapters; none for the base alone.
        out_dir: The result folder.
        rules: How windows are chosen.
        windows: File of windows to use instead of choosing.
        metrics: What is measured.
        cfg_options: Dotted keys that override the config.
        data_root: Prepared data, instead of the config's.
        bf16: Run the networks under bfloat16 autocast.
        device: Where they run.
        workers: Processes that read data.
        repeats: Timed passes per model; 0 for no timing.
        merge: Which checkpoint is also evaluated as merged weights: ``last``, ``none``
            or the name of a model.
        overwrite: Forget results of other options.
    """

    config: str
    runs: tuple[Path, ...]
    out_dir: Path
    rules: WindowRules
    windows: Path | None = None
    metrics: MetricOptions = field(default_factory=MetricOptions)
    cfg_options: Mapping[str, Any] = field(default_factory=dict)
    data_root: str | None = None
    bf16: bool = False
    device: str = "cpu"
    workers: int = 0
    repeats: int = 20
    merge: str = LAST
    overwrite: bool = False

    def __post_init__(self) -> None:
        kinds = ("cpu", "cuda")
        check_choice("device", self.device.partition(":")[0], kinds)
        if self.device.startswith("cuda") and not torch.cuda.is_available():
            raise ValueError(
                f"--device {self.device} was asked for, but torch finds no GPU. Use "
                "--device cpu, or see tools/doctor.py"
            )
        if self.workers < 0 or self.repeats < 0:
            raise ValueError(
                "--num-workers and --repeats must not be negative, got "
                f"{self.workers} and {self.repeats}"
            )
