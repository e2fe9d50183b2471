"""Command lines: ``vantage3d COMMAND ...``, and what ``tools/*.py`` call.

Each command is a function that parses its arguments and calls one function of another
room, which it imports only then: ``--help`` needs neither torch nor mmdet3d.
"""

from vantage3d.cli.main import COMMANDS, main

__all__ = ["COMMANDS", "main"]
