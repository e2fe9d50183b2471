"""Select the best checkpoint of an evaluation under limits on time and memory.

Example:
    python tools/select_checkpoint.py work_dirs/eval --by depth.building.delta1 \
        --max-latency 120 --max-vram 12000

The last line of the output is the path of the checkpoint, empty for the base.
"""

import argparse
from pathlib import Path

from vantage3d.evaluation.results.select import select_checkpoint
from vantage3d.process.command import one_message


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, help="result folder of tools/evaluate_depth.py")
    text = "a metric, score (reference formula) or score_no_clip"
    add("--by", default="score_no_clip", help=text)
    add("--max-latency", type=float, help="ms per window, 95th percentile")
    add("--max-vram", type=float, help="MB, peak on the GPU")
    add("--max-ram", type=float, help="MB, peak of the process")
    args = parser.parse_args(argv)
    given = {
        "--max-latency": args.max_latency,
        "--max-vram": args.max_vram,
        "--max-ram": args.max_ram,
    }
    limits = {name: value for name, value in given.items() if value is not None}
    with one_message("stopped; call it again"):
        found = select_checkpoint(args.folder, args.by, limits)
        for name, reason in found.refused.items():
            print(f"not {name}: {reason}")
        print(f"{found.name}: {args.by} {found.value:.4f}")
        for name, value in found.ranking:
            print(f"  then {name}: {value:.4f}")
        print(found.path)


if __name__ == "__main__":
    main()
