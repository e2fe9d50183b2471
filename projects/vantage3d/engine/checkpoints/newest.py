"""Which checkpoint of a folder a run continues from."""

from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger

from vantage3d.engine.checkpoints.file import read_checkpoint, read_pickle
from vantage3d.engine.errors import CheckpointError


def newest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The checkpoint that was saved last and is intact.

    Weights without training state (best checkpoints, foreign files) do not count.
    Damaged files are skipped with a warning.

    Returns:
        Path and content; None if the folder has no checkpoint.

    Raises:
        CheckpointError: If there are checkpoints and all of them are damaged.
    """
    found: list[tuple[int, Path, str]] = []  # time of the save, file, what is wrong
    for path in sorted(folder.glob("*.pth")):
        try:
            content = read_pickle(path, mmap=True)
        except CheckpointError as error:
            found.append((path.stat().st_mtime_ns, path, str(error)))
            continue
        if isinstance(content, dict) and "progress" in content:
            found.append((content["meta"]["saved_ns"], path, ""))
    damaged = []
    for _, path, problem in sorted(found, reverse=True):
        try:
            if problem:
                raise CheckpointError(problem)
            return path, read_checkpoint(path)
        except CheckpointError as error:
            MMLogger.get_current_instance().warning(f"skipped: {error}")
            damaged.append(path.name)
    if damaged:
        raise CheckpointError(
            f"no checkpoint in {folder} is intact ({', '.join(damaged)} are damaged): "
            "take another work dir, or remove them to start from the beginning"
        )
    return None
