"""What is wrong with a recording, by what its views say of each other."""

from vantage3d.recordings.preflight.check import check_sequence, preflight

__all__ = ["check_sequence", "preflight"]
