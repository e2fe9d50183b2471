"""Evaluate: python tools/test.py CONFIG CHECKPOINT [--cfg-options KEY=VALUE ...]."""

import argparse

from mmengine.config import DictAction

from vantage3d.engine import run_command, test


def main() -> None:
    parser = argparse.ArgumentParser(description="Evaluate a checkpoint.")
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help=".pth or .safetensors, or a work dir")
    parser.add_argument("--work-dir", help="default: work_dirs/<config name>")
    parser.add_argument("--data-root", help="prepared data, instead of the config's")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        help="override config keys: test_dataloader.num_workers=0 ...",
    )
    parser.add_argument(
        "--launcher", choices=["none", "pytorch", "slurm"], default="none"
    )
    args = parser.parse_args()
    run_command(test, vars(args))


if __name__ == "__main__":
    main()
