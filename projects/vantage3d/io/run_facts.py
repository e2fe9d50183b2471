"""``run.json`` beside predictions: what made them, for who judges them later.

Everything may be in it; ``precision`` and ``device`` are compared. What is made in
several goes, by processes that differ in something, says so: ``float32, bfloat16``.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.files import decoding
from vantage3d.io.text import parse_json
from vantage3d.process.machine import device_facts, versions

RUN = "run.json"


def made_by(precision: str, device: str, **more: Any) -> dict[str, Any]:
    """Facts of this process.

    Args:
        precision: In which the network runs, as torch calls it.
        device: On which, as torch calls it.
        **more: Whatever else; what JSON has not is its text.
    """
    facts = {"precision": precision, "device": device_facts(device), **more}
    facts["versions"] = versions("torch")
    return json.loads(json.dumps(facts, default=str))


def note_run(folder: Path, facts: Mapping[str, Any], alone: bool = False) -> None:
    """Write what makes the predictions in a folder.

    Args:
        folder: Of the predictions, or of their folder.
        facts: Those of :func:`made_by`.
        alone: Whether nothing is left of earlier ones; else the file names both.
    """
    before = {} if alone else read_run([folder])
    content = {name: _both(before.get(name), fact) for name, fact in facts.items()}
    atomic_write_bytes(folder / RUN, json.dumps(content, indent=1).encode() + b"\n")


def read_run(folders: Iterable[Path]) -> dict[str, Any]:
    """What the folders of one model's predictions say together; empty for nothing.

    Raises:
        ValueError: If a file is no JSON object.
    """
    found: dict[str, Any] = {}
    for folder in folders:
        path = folder / RUN
        if not path.is_file():
            continue
        with decoding(str(path), "no JSON", "Remove it, or predict again"):
            content = parse_json(path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError(f"{path} must be an object, got {content!r:.60}")
        for name, fact in content.items():
            found[name] = _both(found.get(name), fact)
    return found


def _both(before: Any, now: Any) -> Any:
    """One fact of two, or a text of both where they differ."""
    if before is None or now is None or before == now:
        return before if now is None else now
    if isinstance(before, dict) and isinstance(now, dict):
        return {name: _both(before.get(name), now.get(name)) for name in before | now}
    parts = [*str(before).split(", "), str(now)]
    return ", ".join(dict.fromkeys(parts))
