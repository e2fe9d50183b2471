"""Which checkpoint of a folder a run continues from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger

from vantage3d.engine.checkpoints.file import read_checkpoint, read_pickle
from vantage3d.engine.errors import CheckpointError


@dataclass(frozen=True)
class _Candidate:
    path: Path
    saved_ns: int
    problem: str | None = None


def newest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The checkpoint that was saved last and is intact.

    Weights without training state (best checkpoints, foreign files) do not count.
    Damaged files are skipped with a warning.

    Returns:
        Path and content; None if the folder has no checkpoint.

    Raises:
        CheckpointError: If there are checkpoints and all of them are damaged.
    """
    found = [_inspect(path) for path in sorted(folder.glob("*.pth"))]
    candidates = sorted(
        (one for one in found if one is not None), key=lambda one: one.saved_ns
    )
    damaged = []
    for one in reversed(candidates):
        try:
            if one.problem is not None:
                raise CheckpointError(one.problem)
            checkpoint = read_checkpoint(one.path)
        except CheckpointError as error:
            MMLogger.get_current_instance().warning(f"skipped: {error}")
            damaged.append(one.path.name)
            continue
        return one.path, checkpoint
    if damaged:
        raise CheckpointError(
            f"no checkpoint in {folder} is intact ({', '.join(damaged)} are damaged): "
            "take another work dir, or remove them to start from the beginning"
        )
    return None


def _inspect(path: Path) -> _Candidate | None:
    """When ``path`` was saved; None if it holds no training state."""
    try:
        content = read_pickle(path, mmap=True)
    except CheckpointError as error:
        return _Candidate(path, path.stat().st_mtime_ns, str(error))
    if not isinstance(content, dict) or "progress" not in content:
        return None
    return _Candidate(path, content["meta"]["saved_ns"])
