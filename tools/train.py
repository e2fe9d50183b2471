"""Train: python tools/train.py CONFIG [--resume] [--cfg-options KEY=VALUE ...]."""

import argparse

from mmengine.config import DictAction

from vantage3d.engine import run_command, train


def main() -> None:
    parser = argparse.ArgumentParser(description="Train what a config describes.")
    parser.add_argument("config", help="config file")
    parser.add_argument("--work-dir", help="default: work_dirs/<config name>")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue from the newest intact checkpoint of the work dir",
    )
    parser.add_argument("--data-root", help="prepared data, instead of the config's")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        help="override config keys: train_cfg.max_epochs=3 optim_wrapper.type=...",
    )
    parser.add_argument(
        "--launcher", choices=["none", "pytorch", "slurm"], default="none"
    )
    parser.add_argument("--amp", action="store_true", help="mixed precision (CUDA)")
    args = parser.parse_args()
    run_command(train, vars(args))


if __name__ == "__main__":
    main()
