"""What an evaluation of a run is asked to do, and its command line."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vantage3d.checks import check_choice
from vantage3d.evaluation.depth_alignment import ALIGNMENTS
from vantage3d.evaluation.results.windows import WindowRules
from vantage3d.evaluation.windows.contracts import GROUPS, SCOPES, MetricOptions

LAST, NONE = "last", "none"


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
        check_choice("device", self.device.partition(":")[0], ("cpu", "cuda"))
        if self.device.startswith("cuda") and not _has_gpu():
            raise ValueError(
                f"--device {self.device} was asked for, but torch finds no GPU. Use "
                "--device cpu, or see tools/doctor.py"
            )
        if self.workers < 0 or self.repeats < 0:
            raise ValueError(
                "--num-workers and --repeats must not be negative, got "
                f"{self.workers} and {self.repeats}"
            )


def _has_gpu() -> bool:
    import torch  # not for --help

    return torch.cuda.is_available()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Models, data, windows, and what is measured by which means."""
    from mmengine.config import DictAction

    add = parser.add_argument
    add("config", help="config of the run: network, base weights, test data")
    text = "work dirs, checkpoints or exported adapters; none for the base alone"
    add("runs", nargs="*", type=Path, help=text)
    add("--out-dir", type=Path, required=True, help="folder of the results")
    add("--data-root", help="prepared data, instead of the config's")
    add("--split", choices=["train", "val", "test"], default="val")
    add("--seq-stride", type=int, help="from window to window, default: --seq-len")
    add("--max-seqs", type=int, help="choose so many windows, default: all")
    text = "choose 50/30/20 by building ratio instead of evenly"
    add("--stratified-sampling", action="store_true", help=text)
    add("--seed", type=int, default=0, help="seed of the choice")
    text = "windows.json of another evaluation, to compare with it"
    add("--windows", type=Path, help=text)
    text = "adapter that is also evaluated as merged weights: last, none, or its name"
    add("--merge", default=LAST, help=text)
    text = "override config keys: model.base_weights=FILE"
    add("--cfg-options", nargs="+", action=DictAction, default={}, help=text)
    add("--align", choices=list(ALIGNMENTS), default="median")
    add("--per", choices=SCOPES, default="window", help="one alignment per")
    add("--groups", nargs="+", choices=GROUPS, default=list(GROUPS), help="of metrics")
    text = "valid pixels that a frame needs for metrics of buildings or a class"
    add("--min-building", type=int, default=MetricOptions.min_building, help=text)
    add("--bf16", action="store_true", help="networks under bfloat16 autocast")
    add("--device", help="cpu or cuda, default: cuda where there is one")
    add("--num-workers", type=int, default=4, help="processes that read data")
    add("--repeats", type=int, default=20, help="timed passes per model; 0 for none")
    add("--overwrite", action="store_true", help="forget results of other options")


def run_options(
    args: argparse.Namespace, seq_len: int | None, buildings: bool
) -> RunOptions:
    """The options that the command line asks for.

    Args:
        args: Parsed arguments of :func:`add_arguments`.
        seq_len: Frames per window; None for the config's.
        buildings: Whether metrics of buildings are wanted.
    """
    metrics = MetricOptions(
        align=args.align,
        per=args.per,
        groups=tuple(args.groups),
        min_building=args.min_building,
        building=MetricOptions.building if buildings else (),
    )
    rules = WindowRules(
        args.split,
        seq_len,
        args.seq_stride,
        args.max_seqs,
        args.stratified_sampling,
        args.seed,
    )
    return RunOptions(
        config=args.config,
        runs=tuple(args.runs),
        out_dir=args.out_dir,
        rules=rules,
        windows=args.windows,
        metrics=metrics,
        cfg_options=args.cfg_options,
        data_root=args.data_root,
        bf16=args.bf16,
        device=args.device or ("cuda" if _has_gpu() else "cpu"),
        workers=args.num_workers,
        repeats=args.repeats,
        merge=args.merge,
        overwrite=args.overwrite,
    )
