"""The table ``tools/doctor.py`` prints; standard library only, so it always runs."""

from collections.abc import Callable, Iterator
from pathlib import Path

from vantage3d.doctor.files import file_rows
from vantage3d.doctor.packages import package_rows
from vantage3d.doctor.probes import PROBES, run_probe
from vantage3d.doctor.rows import Row

HEADER = Row("what", "state", "found", "what to do")


def diagnose(root: Path, write: Callable[[str], None]) -> bool:
    """Writes the table row by row, because the probes take seconds each.

    Args:
        root: The checkout: its constraints, weights and data are looked at.
        write: Takes one line of text.

    Returns:
        Whether everything that is needed works.
    """
    broken = []
    write(line(HEADER))
    for row in rows(root):
        write(line(row))
        if row.state == "broken":
            broken.append(row.subject)
    write(f"\nNeeded but broken: {', '.join(broken)}." if broken else "\nReady to use.")
    return not broken


def rows(root: Path) -> Iterator[Row]:
    """Every finding, cheap ones first."""
    yield from package_rows(root / "constraints.txt")
    yield from file_rows(root)
    for probe in PROBES:
        yield run_probe(*probe)


def line(row: Row) -> str:
    """One row in columns; what is too long for its column is cut."""
    found = (
        row.found
        if len(row.found) <= 50
        else row.found[:49] + "\N{HORIZONTAL ELLIPSIS}"
    )
    return f"{row.subject:<51}{row.state:<8}{found:<52}{row.remedy}".rstrip()
