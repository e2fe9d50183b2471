"""Add trained adapters to their base: python tools/merge_lora.py CONFIG ADAPTER OUT.

ADAPTER is a checkpoint, a work dir or an exported folder. OUT, .safetensors or .pth,
has VGGT's own names and can be the `base_weights` of another config. A run without
adapters is exported as it is.
"""

import argparse
from pathlib import Path

from mmengine.config import DictAction

from vantage3d.process.command import one_message
from vantage3d.vggt_lora.models.merging import merge_adapter


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="config file of the run")
    parser.add_argument("adapter", type=Path, help="checkpoint, work dir or folder")
    parser.add_argument("out", type=Path, help=".safetensors or .pth")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        help="override config keys: model.base_weights=FILE",
    )
    args = parser.parse_args(argv)
    with one_message("stopped; nothing was written"):
        merge_adapter(args.config, args.adapter, args.out, args.cfg_options)


if __name__ == "__main__":
    main()
