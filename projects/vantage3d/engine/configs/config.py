"""Reading a config; refusing what nobody would read, or a resumed run ignore."""

import ast
import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.config import config as config_module
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from vantage3d.engine.configs.types import check_types
from vantage3d.engine.errors import CheckpointError, ConfigError, closest
from vantage3d.registry import SCOPE

# Keys that the runner takes from the whole config instead of as an argument.
_BESIDE_ARGUMENTS = {
    "activation_checkpointing",
    "compile",
    "custom_imports",
    "efficient_conv_bn_eval",
    "find_unused_parameters",
    "load_from_policy",
    "model_wrapper_cfg",
    "runner_type",
    "stop_within_s",
    "sync_bn",
}
RUNNER_KEYS = _BESIDE_ARGUMENTS | (
    set(inspect.signature(Runner.__init__).parameters) - {"self", "cfg"}
)
_LOADER_KEYS = set(inspect.signature(DataLoader.__init__).parameters) | {
    "disable_subprocess_warning",
    "num_batch_per_epoch",
}
# Settings without a `type`, whose keys are read one by one.
_PLAIN_SETTINGS = {
    "env_cfg": {"cudnn_benchmark", "dist_cfg", "mp_cfg", "resource_limit"},
    "env_cfg.mp_cfg": {"mp_start_method", "opencv_num_threads"},
    "randomness": {"seed", "diff_rank_seed", "deterministic"},
    "auto_scale_lr": {"enable", "base_batch_size"},
    "load_from_policy": {"ignore", "allow_missing"},
    "train_dataloader": _LOADER_KEYS - {"self"},
    "val_dataloader": _LOADER_KEYS - {"self"},
    "test_dataloader": _LOADER_KEYS - {"self"},
}

# A resumed run takes these from the checkpoint: another value would have no effect.
_RESTORED = ("optim_wrapper", "param_scheduler")
_WATCHED = (*_RESTORED, "model", "train_cfg", "train_dataloader")

_format = config_module.FormatCode


@lru_cache(maxsize=8)
def _formatted(text: str, style: tuple[tuple[str, Any], ...]) -> tuple[str, bool]:
    return _format(text, style_config=dict(style))


def _format_once(text: str, style_config: Mapping[str, Any]) -> tuple[str, bool]:
    """Formatted code; a run asks five times for its config's, 0.17 s each with yapf."""
    return _formatted(text, tuple(style_config.items()))


config_module.FormatCode = _format_once


def load_config(path: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Read a config file, apply ``options`` and check the result.

    Args:
        path: The file.
        options: Dotted keys and values, as ``--cfg-options`` gives them.

    Raises:
        ConfigError: If the file is missing or no config, or says something that nobody
            reads.
    """
    path = Path(path)
    if not path.is_file():
        near = closest(path.name, (p.name for p in path.parent.glob("*.py")))
        if not path.parent.is_dir():
            near = f": there is no folder {path.parent}"
        raise ConfigError(f"config {path} does not exist{near}")
    try:
        cfg = Config.fromfile(str(path))
    except SyntaxError as error:
        raise ConfigError(
            f"config {path} or a base of it is not valid Python: {error.msg} in line "
            f"{error.lineno}: {(error.text or '').strip()}"
        ) from error
    except Exception as error:  # a config is a program: it may raise anything
        raise ConfigError(f"config {path} cannot be read: {error}") from error
    try:
        # a copy: mmengine takes `_delete_` out of what it was given
        cfg.merge_from_dict(deepcopy(dict(options or {})))
    except (KeyError, TypeError) as error:
        raise ConfigError(f"--cfg-options do not fit {path}: {error}") from error
    init_default_scope(cfg.get("default_scope", SCOPE))
    check_config(cfg, options or {})
    for name in set(cfg) - RUNNER_KEYS:
        cfg.pop(name)  # a helper, used up; the copy in the work dir must not have it
    return cfg


def check_config(cfg: Config, options: Mapping[str, Any] | None = None) -> None:
    """Refuse keys that nobody reads and types that nobody registered.

    A top-level key must be one of the runner's, or a name that its own config file uses
    (or one that inherits from it or, if it is a base, stands beside it, by
    ``_base_.name``). A dictionary with a ``type`` may only have arguments of that type.

    Args:
        cfg: A config that was read from a file.
        options: What ``--cfg-options`` changed in it.

    Raises:
        ConfigError: Naming the key or type, its file and the closest valid names.
    """
    files = config_files(Path(cfg.filename))
    for key in (str(option).split(".")[0] for option in options or {}):
        if key in RUNNER_KEYS:
            continue
        for file in files:
            if key in _assigned(file):
                raise ConfigError(
                    f"--cfg-options {key}=... changes nothing: `{key}` is a helper of "
                    f"{file} that was used up while the file was read. Override the "
                    "keys that were made from it, or write a config"
                )
        raise ConfigError(
            f"nobody reads `{key}` of --cfg-options{closest(key, RUNNER_KEYS)}"
        )
    for file, heirs in files.items():
        _check_names(file, heirs)
    for name, known in _PLAIN_SETTINGS.items():
        for key in _nested(cfg, name):
            if key not in known:
                raise ConfigError(
                    f"nobody reads `{name}.{key}`{locate(key, files)}"
                    f"{closest(key, known)}"
                )
    for name, hook in _nested(cfg, "default_hooks").items():
        if isinstance(hook, Mapping) and "type" not in hook:
            known = set(_nested(cfg, "default_hooks")) - {name}
            raise ConfigError(
                f"`default_hooks.{name}`{locate(name, files)} has no `type`"
                f"{closest(name, known)}"
            )
    check_types(cfg, lambda word: locate(word, files))


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


def config_files(path: Path) -> dict[Path, list[Path]]:
    """``path`` and its bases, each with the files that inherit from it."""
    heirs: dict[Path, list[Path]] = {path: []}
    queue = [path]
    while queue:
        file = queue.pop()
        for base in Config._get_base_files(str(file)):
            parent = (file.parent / base).resolve()
            known = heirs.setdefault(parent, [])
            known += [heir for heir in (file, *heirs[file]) if heir not in known]
            queue.append(parent)
    return heirs


def locate(word: str, files: Iterable[Path]) -> str:
    """`` (file:line)`` where ``word`` stands."""
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", line.split("#")[0]):
                return f" ({file}:{number})"
    return " (from --cfg-options)"


def _check_names(file: Path, heirs: list[Path]) -> None:
    used = {
        node.id
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    # A base may keep pieces for its neighbours that this chain of files does not use.
    neighbours = file.parent.glob("*.py") if heirs else []
    for heir in {*heirs, *neighbours}:
        used |= set(re.findall(r"_base_\.(\w+)", heir.read_text()))
    for name in _assigned(file):
        if name not in RUNNER_KEYS | used and not name.startswith("_"):
            raise ConfigError(
                f"nobody reads `{name}`{locate(name, [file])}: it is no key of the "
                f"runner and {file.name} does not use it"
                f"{closest(name, RUNNER_KEYS)}"
            )


def _assigned(file: Path) -> list[str]:
    """Names that ``file`` gives a value at top level."""
    targets: list[ast.expr] = []
    # {{ _base_.name }} is a set of a set, and valid Python as it stands.
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            targets.append(node.target)
    names = [n for target in targets for n in ast.walk(target)]
    return [node.id for node in names if isinstance(node, ast.Name)]


def _nested(cfg: Any, dotted: str) -> Mapping[str, Any]:
    for part in dotted.split("."):
        cfg = cfg.get(part) if isinstance(cfg, (Mapping, Config)) else None
    return cfg if isinstance(cfg, Mapping) else {}


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}".lstrip("."))
    elif isinstance(node, list) and any(isinstance(item, Mapping) for item in node):
        for index, item in enumerate(node):
            yield from _leaves(item, f"{path}.{index}")
    else:
        yield path, node
