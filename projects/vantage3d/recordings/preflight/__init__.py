"""What is wrong with a recording, by what its views say of each other."""

from vantage3d.recordings.preflight.check import (
    Checked,
    check_reader,
    check_sequence,
    few,
    glance,
)

__all__ = ["Checked", "check_reader", "check_sequence", "few", "glance"]
