"""Features of DINOv2 for every image of a recording.

Example:
    python tools/extract_dino_v2_features.py --root-path data/scannet200-sv \
        --out-dir data/scannet200-sv --model dinov2_vitl14_reg --input-size 560x420
"""

import argparse

from vantage3d.backbones2d.arguments import add_arguments, run
from vantage3d.backbones2d.dinov2 import DINOV2
from vantage3d.process.command import one_message


def main(argv: list[str] | None = None) -> None:
    """Parse the arguments and extract."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=list(DINOV2), default="dinov2_vitl14")
    parser.add_argument(
        "--layers",
        type=int,
        nargs="+",
        help="blocks to join, from 0, or from the end when negative; default: the last",
    )
    add_arguments(parser)
    args = parser.parse_args(argv)
    with one_message("stopped; the same command goes on from here"):
        run(args.model, args, args.layers)


if __name__ == "__main__":
    main()
