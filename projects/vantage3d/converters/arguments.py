"""Options that the commands of several converters share, and their checks."""

import argparse
from pathlib import Path


def add_folders(parser: argparse.ArgumentParser, out: str = "the dataset") -> None:
    """``--root-path`` and ``--out-dir``."""
    parser.add_argument("--root-path", type=Path, required=True, help="the raw data")
    parser.add_argument("--out-dir", type=Path, required=True, help=out)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """How the work is spread, and which share of it may fail."""
    add = parser.add_argument
    add("--max-skipped", type=float, default=0.05, help="share of bad frames allowed")
    add("--workers", type=int, default=1, help="processes")
    add("--overwrite", action="store_true", help="make everything again")


def check_run(args: argparse.Namespace, *counts: str) -> None:
    """Check what :func:`add_folders` and :func:`add_run_options` were given.

    Args:
        args: The command line.
        counts: Other options that must be at least 1 where they are given.

    Raises:
        FileNotFoundError: If ``--root-path`` is no folder.
        ValueError: If a number is out of range.
    """
    if not args.root_path.is_dir():
        raise FileNotFoundError(
            f"--root-path {args.root_path} is missing or no folder. data/README.md "
            "says what to download and where to put it"
        )
    for name in ("workers", *counts):
        if (value := getattr(args, name)) is not None and value < 1:
            option = name.replace("_", "-")
            raise ValueError(f"--{option} must be at least 1, got {value}")
    if not 0 <= args.max_skipped <= 1:
        raise ValueError(
            f"--max-skipped is a share between 0 and 1, got {args.max_skipped}"
        )
