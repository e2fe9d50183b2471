"""Checkpoints on disk: written whole, hashed, read without executing code.

At no moment the folder lacks a loadable checkpoint: :mod:`vantage3d.io.sidecars`
writes it with its hash, then ``last_checkpoint`` is replaced, and older checkpoints are
removed after that.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

import torch
from mmengine.logging import MMLogger

from vantage3d.engine.checkpoints.plain import safe_globals
from vantage3d.engine.errors import CheckpointError
from vantage3d.io import sidecars
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.bounds import check_archive
from vantage3d.io.checksums import UNSEEN, check_zip, warn_unchecked
from vantage3d.io.files import DAMAGED
from vantage3d.io.released_weights import how_to_fetch

POINTER = "last_checkpoint"
SUFFIXES = (".pth", ".safetensors")


def write_checkpoint(checkpoint: Mapping[str, Any], path: Path) -> None:
    """Write ``checkpoint`` (plain data) to ``path`` with its hash beside it.

    Raises:
        CheckpointError: If the disk is full or cannot be written. What was in the
            folder before is still there.
    """
    try:
        sidecars.write_hashed(
            path, lambda file: torch.save(dict(checkpoint), cast(IO[bytes], file))
        )
    except OSError as error:
        raise CheckpointError(
            f"checkpoint {path} could not be written: {error.strerror or error}. "
            "Earlier checkpoints are intact: mend the cause, then call again with "
            "--resume"
        ) from error


def write_pointer(folder: Path, path: Path) -> None:
    """Let ``last_checkpoint`` in ``folder`` name ``path``."""
    atomic_write_bytes(folder / POINTER, str(path).encode())


def companion(path: Path) -> Path:
    """The folder beside ``path`` for what a model exports with each checkpoint."""
    return path.with_name(f"{path.stem}_adapter")


def remove_checkpoint(path: Path, keep_export: bool = False) -> None:
    """Delete a checkpoint, its hash and, unless kept, what was exported with it."""
    path.unlink(missing_ok=True)
    sidecars.sidecar(path).unlink(missing_ok=True)
    if not keep_export:
        shutil.rmtree(companion(path), ignore_errors=True)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a .pth or .safetensors file without executing code from it.

    Without a hash beside it, the checksums in a .pth file are compared and there is a
    warning.

    Returns:
        Always with the key ``state_dict``: a bare state dict is wrapped.

    Raises:
        CheckpointError: If the file is missing, does not match its hash, is damaged,
            wants to execute code or holds no state dict.
    """
    path = Path(path).expanduser()
    require_file(path)
    check_hash(path)
    if path.suffix == ".safetensors":
        return {"meta": {}, "state_dict": _read_safetensors(path)}
    content = read_pickle(path)
    if isinstance(content, Mapping):
        if isinstance(content.get("state_dict"), Mapping):
            return {"meta": {}, **content}
        if content and all(isinstance(v, torch.Tensor) for v in content.values()):
            return {"meta": {}, "state_dict": content}
    found = list(content)[:8] if isinstance(content, Mapping) else type(content)
    raise CheckpointError(
        f"checkpoint {path} holds no state dict: expected the key `state_dict` or a "
        f"mapping of names to tensors, found {found}"
    )


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


def require_file(path: Path) -> None:
    """Raise a CheckpointError that names the neighbours if ``path`` is no file."""
    if not path.is_file():
        hint = f": there is no folder {path.parent}"
        if path.parent.is_dir():
            files = (p for p in path.parent.iterdir() if p.suffix in SUFFIXES)
            names = ", ".join(sorted(p.name for p in files)[:8]) or "no checkpoints"
            hint = f"; {path.parent} has {names}"
        hint = how_to_fetch(path) or hint
        raise CheckpointError(f"checkpoint {path} does not exist{hint}")


def check_hash(path: Path) -> None:
    """Compare a file with the hash beside it.

    Without one, a zip archive of ``torch.save`` is compared with its own checksums, and
    there is a warning in any case.

    Raises:
        CheckpointError: If the file does not match.
    """
    name, remedy = f"checkpoint {path}", "Take an earlier checkpoint or fetch it again"
    try:
        if sidecars.check_hash(path, name, remedy):
            return
        size = path.stat().st_size
        inside = check_zip(path, f"{name} ({size} bytes)", remedy)
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    lacks = f"{sidecars.sidecar(path).name} beside it"
    so = "only the checksums inside were compared" if inside else UNSEEN
    warn_unchecked(name, lacks, so)


def read_pickle(path: Path, mmap: bool = False) -> Any:
    """Content of a file of ``torch.save``; tensors are on the CPU.

    Args:
        path: The file.
        mmap: Leave tensors on disk until they are used.
    """
    try:
        check_archive(path)
        with torch.serialization.safe_globals(safe_globals()):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except DAMAGED as error:
        refused = re.search(r"GLOBAL (\S+)|function (<.*?>)", str(error))
        if refused:
            raise CheckpointError(
                f"checkpoint {path} wants to use `{refused[1] or refused[2]}`, which "
                "plain weights never need: refused, it could execute code. Save its "
                "state dict with safetensors where you trust it, and load that"
            ) from error
        # Not torch's own words: they advise to let the file execute code.
        raise CheckpointError(
            f"checkpoint {path} ({path.stat().st_size} bytes) is damaged or no "
            f"checkpoint ({type(error).__name__}). Take another one or fetch the file "
            "again"
        ) from error


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    unreadable: tuple[type[Exception], ...] = (*DAMAGED, SafetensorError)
    try:
        return load_file(path)
    except unreadable as error:
        raise CheckpointError(
            f"checkpoint {path} ({path.stat().st_size} bytes) is damaged or no "
            f"safetensors file: {error}"
        ) from error
