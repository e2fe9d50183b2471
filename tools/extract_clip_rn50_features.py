"""Features of CLIP's ResNet-50 at stride 8 for every image of a recording.

Example:
    python tools/extract_clip_rn50_features.py --root-path data/scannet200-sv \
        --out-dir data/scannet200-sv
"""

import argparse

from vantage3d.backbones2d.arguments import add_arguments, run
from vantage3d.backbones2d.clip_rn50 import CLIP_RN50
from vantage3d.process.command import one_message


def main(argv: list[str] | None = None) -> None:
    """Parse the arguments and extract."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    args = parser.parse_args(argv)
    with one_message("stopped; the same command goes on from here"):
        run(CLIP_RN50, args)


if __name__ == "__main__":
    main()
