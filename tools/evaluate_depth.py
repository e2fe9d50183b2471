"""Evaluate base, checkpoints and merged weights on one fixed set of windows.

Example:
    python tools/evaluate_depth.py configs/vggt_lora/lora_kitti360_strategy_b.py \
        work_dirs/lora_kitti360_strategy_b --out-dir work_dirs/evaluation \
        --cfg-options model.base_weights=weights/vggt_1b.safetensors \
        --max-seqs 500 --stratified-sampling

Call it again after a kill: finished models are skipped, the rest goes on. Rank and
alpha come from each adapter's own file. Depth is aligned once per window, by its
median, if nothing else is said.
"""

import argparse

from vantage3d.evaluation.results.run_table import run_table
from vantage3d.process.command import one_message
from vantage3d.vggt_lora.evaluation.runs.evaluate import evaluate_run
from vantage3d.vggt_lora.evaluation.runs.run_arguments import (
    add_data_arguments,
    add_measuring_arguments,
    run_options,
)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_arguments(parser)
    add_measuring_arguments(parser)
    add = parser.add_argument
    add("--seq-len", type=int, help="frames per window, default: the config's")
    text = "leave building metrics out, for splits without labels"
    add("--no-buildings", action="store_true", help=text)
    args = parser.parse_args(argv)
    with one_message("stopped; the same command goes on from here"):
        options = run_options(args, args.seq_len, not args.no_buildings)
        print(run_table(evaluate_run(options)))


if __name__ == "__main__":
    main()
