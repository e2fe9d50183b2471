"""Which options a folder was made with, so that a resumed run cannot mix two."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import read_sealed, seal

_FILE = ("manifest", "Make everything again with --overwrite")


def open_manifest(
    state_dir: Path, options: dict[str, Any], overwrite: bool, option: str = "--out-dir"
) -> str:
    """Check ``options`` against those of the last run, or store them.

    Args:
        state_dir: The converter's own folder in the output folder.
        options: Everything that decides the bytes of a sample, with a ``format`` that
            is raised when they change for the same options.
        overwrite: Forget what was made with other options.
        option: By which the user chooses another folder, for the message.

    Returns:
        A hash of the options.

    Raises:
        ValueError: If the last run had other options and ``overwrite`` is off.
    """
    text = json.dumps(options, sort_keys=True, indent=1)
    path = state_dir / "manifest.json"
    if overwrite:
        shutil.rmtree(state_dir, ignore_errors=True)
    if not path.is_file():
        atomic_write_bytes(path, seal(text))
    elif changed := differences(read_sealed(path, *_FILE), json.loads(text)):
        raise ValueError(
            f"{path.parent.parent.parent} holds samples made with other options: "
            f"{changed}. Use the same options, another {option}, or --overwrite to "
            "make everything again"
        )
    return hashlib.sha256(text.encode()).hexdigest()


def differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    """``key was 1 and is now 2; ...`` for a message, empty where they are equal."""
    return "; ".join(
        f"{key} was {old.get(key)!r} and is now {new.get(key)!r}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    )
