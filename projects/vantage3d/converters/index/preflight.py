"""The preflight of a source: nothing is written of a recording that is surely wrong."""

import logging
from collections.abc import Sequence

from mmengine.logging import print_log

from vantage3d.converters.index.source import FrameSource
from vantage3d.recordings.findings import Finding, errors
from vantage3d.recordings.preflight import few


def refuse_wrong(
    source: FrameSource, force: bool, sequences: Sequence[str] | None = None
) -> dict[str, float]:
    """Say what the preflight finds, and stop at what is surely wrong.

    Args:
        source: Where frames come from.
        force: Go on all the same.
        sequences: Of which a few are looked at; all if not given.

    Returns:
        How well the views of the sequences agree that were looked at.

    Raises:
        ValueError: With the first mistake, its evidence and the remedy.
    """
    if sequences is None:
        sequences = [name for names in source.splits().values() for name in names]
    found: list[Finding] = []
    agreements = {}
    for name in few(sequences):
        try:
            findings, agreements[name] = source.preflight(name)
            found += findings
        except (FileNotFoundError, ValueError) as error:
            print_log(f"{name}: {error}", logger="current", level=logging.WARNING)
    if (wrong := errors(found)) and not force:
        raise ValueError(f"{wrong[0]} (--force goes on all the same)")
    for finding in dict.fromkeys(found):
        level = logging.INFO if finding.level == "info" else logging.WARNING
        print_log(str(finding), logger="current", level=level)
    return agreements
