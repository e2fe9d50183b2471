"""SHA-256 of the files of raw data, in one list as ``sha256sum`` writes it."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.files import existing
from vantage3d.io.sidecars import file_hash
from vantage3d.process.parallel import run_parallel
from vantage3d.process.progress import track
from vantage3d.process.verification import verifying

NAME = "manifest.sha256"  # in a folder that this project wrote as raw data
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](?:\./)?(.+)")
_NAMED = 3
_REMEDY = "Download the data again, or list what it is now"


def check_raw(root: Path, manifest: Path, workers: int = 1) -> int:
    """Compare every file that a list names with its hash.

    Args:
        root: Folder that the names are relative to.
        manifest: The list: a hash and a name on each line.
        workers: Processes.

    Returns:
        How many files there are.

    Raises:
        FileNotFoundError: If the list is missing.
        ValueError: If it is no such list, a name leads out of ``root``, or files are
            missing or other than listed; the first of them are named.
    """
    listed = read_manifest(manifest)
    check = partial(_problem, root)
    done = run_parallel(check, list(listed.items()), workers, __name__)
    problems = sorted(p for p in track(done, len(listed), "raw data, SHA-256") if p)
    if problems:
        named = "; ".join(problems[:_NAMED])
        raise ValueError(
            f"{len(problems)} of {len(listed)} files of {root} are not what {manifest} "
            f"lists: {named}. {_REMEDY}"
        )
    return len(listed)


def read_manifest(path: Path) -> dict[str, str]:
    """Hashes by name.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If a line is none of ``sha256sum``, a name is there twice or leads
            out of the folder, or there is no line at all.
    """
    remedy = "Write it with: cd RAW && find . -type f -exec sha256sum {} + > FILE"
    text = existing(path, "manifest", remedy).read_bytes().decode(errors="replace")
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(
                f"{path}, line {number}: expected 64 hexadecimal digits, two blanks "
                f"and a name, got {line[:80]!r}. {remedy}"
            )
        name = match[2]
        if Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
            raise ValueError(
                f"{path}, line {number}: {name[:80]!r} leads out of the folder. "
                f"{remedy}"
            )
        if found.setdefault(name, match[1].lower()) != match[1].lower():
            raise ValueError(f"{path}: {name[:80]!r} has two hashes. {remedy}")
    if not found:
        raise ValueError(f"{path} lists no file. {remedy}")
    return found


def write_manifest(folder: Path, hashes: Mapping[str, str]) -> None:
    """Write the list of a folder's files, as :func:`check_own` reads it."""
    lines = "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))
    atomic_write_bytes(folder / NAME, lines.encode())


def check_own(root: Path, workers: int = 1) -> None:
    """Compare raw data that this project wrote with the list in its folder, if any.

    Raises:
        ValueError: As :func:`check_raw`.
    """
    if verifying() and (root / NAME).is_file():
        check_raw(root, root / NAME, workers)


def _problem(root: Path, item: tuple[str, str]) -> str:
    """What is wrong with a file, empty if nothing."""
    name, expected = item
    try:
        found = file_hash(root / name)
    except OSError as error:
        return f"{name} cannot be read ({error.strerror or error})"
    if found == expected:
        return ""
    return f"{name} has SHA-256 {found[:12]}..., expected {expected[:12]}..."
