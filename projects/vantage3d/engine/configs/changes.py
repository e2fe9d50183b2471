"""What a config says differently from the run that it is to continue."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger

from vantage3d.engine.errors import CheckpointError

# A resumed run takes these from the checkpoint: another value would have no effect.
_RESTORED = ("optim_wrapper", "param_scheduler")
_WATCHED = (*_RESTORED, "model", "train_cfg", "train_dataloader")


def watched_settings(cfg: Config) -> str:
    """The settings that :func:`check_settings` compares, as JSON."""
    settings = {key: cfg.get(key) for key in _WATCHED}
    return json.dumps(settings, sort_keys=True, default=str)


def check_settings(before: str, cfg: Config, path: Path) -> None:
    """Compare a config with the one of the run that is continued.

    Args:
        before: What :func:`watched_settings` gave when ``path`` was saved.
        cfg: The config now; other changes than the optimizer's are logged.
        path: The checkpoint, for messages.

    Raises:
        CheckpointError: If optimizer or schedules changed, which the checkpoint holds.
    """
    old = dict(_leaves(json.loads(before), ""))
    new = dict(_leaves(json.loads(watched_settings(cfg)), ""))
    changes = {
        key: f"`{key}` was {old.get(key, 'absent')}, is {new.get(key, 'absent')}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key, "absent") != new.get(key, "absent")
    }
    ignored = [text for key, text in changes.items() if key.startswith(_RESTORED)]
    if ignored:
        raise CheckpointError(
            f"{path} brings its own optimizer and schedules, but the config says "
            f"otherwise: {'; '.join(ignored)}. Undo that, or start a new run from its "
            f"weights with load_from={path} in another work dir"
        )
    for text in changes.values():
        MMLogger.get_current_instance().warning(f"resumed with another config: {text}")


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}".lstrip("."))
    elif isinstance(node, list) and any(isinstance(item, Mapping) for item in node):
        for index, item in enumerate(node):
            yield from _leaves(item, f"{path}.{index}")
    else:
        yield path, node
