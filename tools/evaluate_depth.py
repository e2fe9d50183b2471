"""Evaluate base, checkpoints and merged weights on one fixed set of windows.

Example:
    python tools/evaluate_depth.py configs/vggt_lora/lora_kitti360_strategy_b.py \
        work_dirs/lora_kitti360_strategy_b --out-dir work_dirs/evaluation \
        --cfg-options model.base_weights=weights/vggt_1b.safetensors \
        --max-seqs 500 --stratified-sampling

Call it again after a kill: finished models are skipped, the rest goes on. Rank and alpha
come from each adapter's own file. Depth is aligned once per window, by its median, if
nothing else is said.
"""

import argparse
from pathlib import Path

import torch
from mmengine.config import DictAction

from projects.common.command import one_message
from projects.common.evaluation.depth_alignment import ALIGNMENTS
from projects.vggt_lora.evaluation.evaluate_run import evaluate_run
from projects.vggt_lora.evaluation.run_options import RunOptions
from projects.vggt_lora.evaluation.run_table import run_table
from projects.vggt_lora.evaluation.window_data import GROUPS, SCOPES, MetricOptions
from projects.vggt_lora.evaluation.windows import WindowRules


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    _add_what(parser)
    _add_how(parser)
    args = parser.parse_args(argv)
    with one_message("stopped; the same command goes on from here"):
        print(run_table(evaluate_run(_options(args))))


def _add_what(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("config", help="config of the run: network, base weights, test data")
    text = "work dirs, checkpoints or exported adapters; none for the base alone"
    add("runs", nargs="*", type=Path, help=text)
    add("--out-dir", type=Path, required=True, help="folder of the results")
    add("--data-root", help="prepared data, instead of the config's")
    add("--split", choices=["train", "val", "test"], default="val")
    add("--seq-len", type=int, default=8, help="frames per window")
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


def _add_how(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--align", choices=list(ALIGNMENTS), default="median")
    add("--per", choices=SCOPES, default="window", help="one alignment per")
    add("--groups", nargs="+", choices=GROUPS, default=list(GROUPS), help="of metrics")
    text = "leave building metrics out, for splits without labels"
    add("--no-buildings", action="store_true", help=text)
    add("--bf16", action="store_true", help="networks under bfloat16 autocast")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--num-workers", type=int, default=4, help="processes that read data")
    add("--repeats", type=int, default=20, help="timed passes per model; 0 for none")
    add("--overwrite", action="store_true", help="forget results of other options")


def _options(args: argparse.Namespace) -> RunOptions:
    metrics = MetricOptions(align=args.align, per=args.per, groups=tuple(args.groups))
    if args.no_buildings:
        metrics = MetricOptions(
            align=args.align, per=args.per, groups=tuple(args.groups), building=()
        )
    return RunOptions(
        config=args.config,
        runs=tuple(args.runs),
        out_dir=args.out_dir,
        rules=WindowRules(
            args.split,
            args.seq_len,
            args.seq_stride or args.seq_len,
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


if __name__ == "__main__":
    main()
