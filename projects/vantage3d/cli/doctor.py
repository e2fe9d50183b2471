"""``doctor``."""

import sys
from pathlib import Path

from vantage3d.cli.arguments import PACKAGE, command_parser


def doctor(argv: list[str] | None = None) -> None:
    """Say what is installed, which devices and engines work, and what is missing."""
    command_parser(doctor.__doc__ or "").parse_args(argv)
    from vantage3d.doctor import diagnose

    checkout = PACKAGE.parents[1]
    root = checkout if (checkout / "constraints.txt").exists() else Path.cwd()
    healthy = diagnose(root, lambda text: print(text, flush=True))
    sys.exit(0 if healthy else 1)
