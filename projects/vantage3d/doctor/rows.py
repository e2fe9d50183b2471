"""One line of the doctor's table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A finding: ``state`` is ``ok``, ``absent`` (optional) or ``broken`` (needed)."""

    subject: str
    state: str
    found: str
    remedy: str = ""
