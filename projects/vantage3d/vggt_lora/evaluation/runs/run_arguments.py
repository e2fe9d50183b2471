"""Command line of the evaluations."""

import argparse
from pathlib import Path

import torch
from mmengine.config import DictAction

from vantage3d.evaluation.depth_alignment import ALIGNMENTS
from vantage3d.evaluation.results.windows import WindowRules
from vantage3d.evaluation.windows.contracts import GROUPS, SCOPES, MetricOptions
from vantage3d.vggt_lora.evaluation.runs.options import RunOptions


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Models, data and windows."""
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
    add("--seed", type=int, default=0, help="of the choice")
    text = "windows.json of another evaluation, to compare with it"
    add("--windows", type=Path, help=text)
    text = "adapter that is also evaluated as merged weights: last, none, or its name"
    add("--merge", default="last", help=text)
    text = "override config keys: model.base_weights=FILE"
    add("--cfg-options", nargs="+", action=DictAction, default={}, help=text)


def add_measuring_arguments(parser: argparse.ArgumentParser) -> None:
    """What is measured, and by which means."""
    add = parser.add_argument
    add("--align", choices=list(ALIGNMENTS), default="median")
    add("--per", choices=SCOPES, default="window", help="one alignment per")
    add("--groups", nargs="+", choices=GROUPS, default=list(GROUPS), help="of metrics")
    text = "valid pixels that a frame needs for metrics of buildings or a class"
    add("--min-building", type=int, default=MetricOptions.min_building, help=text)
    add("--bf16", action="store_true", help="networks under bfloat16 autocast")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--num-workers", type=int, default=4, help="processes that read data")
    add("--repeats", type=int, default=20, help="timed passes per model; 0 for none")
    add("--overwrite", action="store_true", help="forget results of other options")


def run_options(
    args: argparse.Namespace, seq_len: int | None, buildings: bool
) -> RunOptions:
    """The options that the command line asks for.

    Args:
        args: Of the two functions above.
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
    return RunOptions(
        config=args.config,
        runs=tuple(args.runs),
        out_dir=args.out_dir,
        rules=WindowRules(
            args.split,
            seq_len,
            args.seq_stride,
            args.max_seqs,
            args.stratified_sampling,
            args.seed,
        ),
        windows=args.windows,
        metrics=metrics,
        cfg_options=args.cfg_options,
        data_root=args.data_root,
        bf16=args.bf16,
        device=args.device,
        workers=args.num_workers,
        repeats=args.repeats,
        merge=args.merge,
        overwrite=args.overwrite,
    )
