"""Evaluate on ETH3D's held-out scenes with several numbers of photographs.

Example:
    python tools/evaluate_eth3d.py configs/vggt_lora/lora_eth3d_strategy_a.py \
        work_dirs/lora_eth3d_strategy_a --out-dir work_dirs/eth3d \
        --cfg-options model.base_weights=weights/vggt_1b.safetensors \
        --test-seq-lens 2 4 8 --align scale_shift --save-vis

Whole scenes are held out; one that was also trained on is refused. Every length is a
result folder of its own, and `lengths.csv` has them all.
"""

import argparse

from vantage3d.evaluation.results.rows import to_text
from vantage3d.process.command import one_message
from vantage3d.vggt_lora.evaluation.runs.lengths import evaluate_lengths
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
    text = "photographs per window, one evaluation each"
    add("--test-seq-lens", nargs="+", type=int, default=[8], help=text)
    add("--save-vis", action="store_true", help="draw the example frames")
    args = parser.parse_args(argv)
    with one_message("stopped; the same command goes on from here"):
        options = run_options(args, None, buildings=False)
        table = evaluate_lengths(options, args.test_seq_lens, args.save_vis)
        print(to_text(table))


if __name__ == "__main__":
    main()
