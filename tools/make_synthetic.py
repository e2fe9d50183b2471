"""Render rooms and write them in the on-disk layout of a dataset.

Example:
    python tools/make_synthetic.py scannet --out data/synthetic --train-rooms 24 \
        --val-rooms 8 --frames 10 --frame-step 200 --size 320x240 --seed 0 --workers 2
"""

import argparse

from projects.common.command import one_message
from projects.common.synthetic import LAYOUTS, THEMES, write_dataset


def main() -> None:
    """Parse the arguments and write one dataset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("layout", choices=list(LAYOUTS))
    parser.add_argument("--out", required=True, help="output folder")
    parser.add_argument("--train-rooms", type=int, default=24)
    parser.add_argument("--val-rooms", type=int, default=8)
    parser.add_argument("--frames", type=int, default=10, help="frames per room")
    parser.add_argument(
        "--frame-step",
        type=int,
        default=20,
        help="raw frames between two frames; 200 gives every frame its own view",
    )
    parser.add_argument("--size", type=image_size, default=(640, 480), help="WxH")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--theme",
        choices=list(THEMES),
        default="home",
        help="flush: instances in one plane, told apart by texture",
    )
    parser.add_argument("--workers", type=int, default=1, help="processes")
    args = parser.parse_args()
    with one_message("stopped; the same command begins anew"):
        write_dataset(
            args.layout,
            args.out,
            args.train_rooms,
            args.val_rooms,
            [number * args.frame_step for number in range(args.frames)],
            args.size,
            args.seed,
            args.workers,
            args.theme,
        )


def image_size(text: str) -> tuple[int, int]:
    """``320x240`` as (320, 240)."""
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"must look like 640x480, got {text!r}")
    return int(width), int(height)


if __name__ == "__main__":
    main()
