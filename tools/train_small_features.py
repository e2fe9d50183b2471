"""Train a small image network on the training rooms, and write features of all frames.

Example:
    python tools/train_small_features.py --root data/flush \
        --weights work_dirs/small_image_net/weights.safetensors

The rooms come from tools/make_synthetic.py scannet --theme flush. The network learns
which texture each patch shows; rooms of the val split are never used to train it.
"""

import argparse
from pathlib import Path

from vantage3d.process.command import one_message
from vantage3d.synthetic.texture_net.small_features import (
    train_small_features,
    write_small_features,
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--root", type=Path, required=True, help="flush rooms in ScanNet's layout")
    add("--weights", type=Path, required=True, help="file; kept if it exists")
    add("--epochs", type=int, default=12)
    add("--seed", type=int, default=0)
    add("--form", choices=["pt", "safetensors"], default="safetensors")
    args = parser.parse_args()
    with one_message("stopped; the same command begins anew"):
        if not args.weights.exists():
            train_small_features(args.root, args.weights, args.epochs, args.seed)
        count = write_small_features(args.root, args.weights, args.form)
        print(f"{count} feature maps in {args.root / 'clip_feat'}")


if __name__ == "__main__":
    main()
