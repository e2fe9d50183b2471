"""Write a trained DELTAS as the released code reads it: three state dicts in one file.

    python tools/export_deltas.py CHECKPOINT OUT

Configs load both kinds of file, so the way back needs no tool.
"""

import argparse
from pathlib import Path

from vantage3d.deltas.models import save_three
from vantage3d.engine.checkpoints.file import read_checkpoint
from vantage3d.process.command import one_message


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="of a DELTAS run")
    parser.add_argument("out", type=Path, help="usually .pth.tar")
    args = parser.parse_args(argv)
    with one_message("stopped; nothing was written"):
        save_three(read_checkpoint(args.checkpoint)["state_dict"], args.out)


if __name__ == "__main__":
    main()
