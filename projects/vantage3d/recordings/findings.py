"""What was noticed about a recording, before anything is made of it."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

Level = Literal["error", "warning", "info"]


class Finding(NamedTuple):
    """One thing that was noticed.

    Attributes:
        level: ``error`` is wrong for certain, ``warning`` may be, ``info`` is told.
        text: What was found, what was expected, with the figures, in the words of the
            format of the files.
        remedy: The options to paste, such as ``--depth-scale 5000``, or what to do;
            empty where there is nothing to do.
    """

    level: Level
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        if not self.remedy:
            return self.text
        return f"{self.text}{'' if self.text.endswith('?') else '.'} {self.remedy}"


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those that say that the recording is wrong."""
    return [finding for finding in findings if finding.level == "error"]
