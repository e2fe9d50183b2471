"""Render a synthetic dataset.

Example:
    python tools/make_synthetic.py scannet --out data/synthetic --train-rooms 24 \
        --val-rooms 8 --frames 10 --frame-step 200 --size 320x240 --seed 0 --workers 2
"""

import argparse

from projects.common.synthetic import write_scannet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("layout", choices=["scannet"])
    parser.add_argument("--out", required=True, help="output folder")
    parser.add_argument("--train-rooms", type=int, default=24)
    parser.add_argument("--val-rooms", type=int, default=8)
    parser.add_argument("--frames", type=int, default=10, help="frames per room")
    parser.add_argument("--frame-step", type=int, default=20, help="raw frames apart")
    parser.add_argument("--size", type=image_size, default=(640, 480), help="WxH")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    frames = [number * args.frame_step for number in range(args.frames)]
    rooms = args.train_rooms, args.val_rooms
    done = write_scannet(args.out, *rooms, frames, args.size, args.seed, args.workers)
    for count, name in enumerate(done, 1):
        print(f"{count}/{sum(rooms)} {name}", flush=True)


def image_size(text: str) -> tuple[int, int]:
    """``320x240`` as (320, 240)."""
    width, height = (int(part) for part in text.split("x"))
    return width, height


if __name__ == "__main__":
    main()
