"""What ``tools/train.py`` and ``tools/test.py`` call."""

import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_distributed, is_main_process
from mmengine.logging import MMLogger

from vantage3d.engine.checkpoints.file import newest_checkpoint, require_file
from vantage3d.engine.configs.config import load_config
from vantage3d.engine.errors import (
    CheckpointError,
    ConfigError,
    EngineError,
    LostProcessError,
    NonFiniteError,
    TrainingInterruptedError,
)
from vantage3d.engine.interrupt import leave
from vantage3d.engine.joining import join_processes
from vantage3d.io.run_facts import made_by, note_run
from vantage3d.io.sidecars import file_hash
from vantage3d.process.command import INTERRUPTED, USER_ERROR
from vantage3d.registry import HOOKS, METRICS, MODELS, RUNNERS

NON_FINITE, LOST = 3, 4
NEEDED = {
    "train": ("train_cfg", "train_dataloader", "optim_wrapper"),
    "test": ("test_cfg", "test_dataloader", "test_evaluator"),
}


def train(
    config: str,
    work_dir: str | None = None,
    resume: bool | str = False,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = "none",
    amp: bool = False,
    data_root: str | None = None,
    auto_scale_lr: bool = False,
) -> None:
    """Train what ``config`` describes.

    Args:
        config: Path of a config file.
        work_dir: Where logs and checkpoints go; by default what the config says, or
            ``work_dirs/<config name>``.
        resume: Continue from the newest intact checkpoint of the work dir, or from the
            one that is named.
        cfg_options: Dotted keys and values that override the file's.
        launcher: ``none``, ``pytorch`` or ``slurm``.
        amp: Automatic mixed precision.
        data_root: Folder of prepared data for every dataset of the config.
        auto_scale_lr: Multiply learning rates by how much larger a batch of all
            processes is than the config's ``auto_scale_lr.base_batch_size``.

    Raises:
        EngineError: For everything the user can mend.
        TrainingInterruptedError: After SIGTERM or SIGINT; the state is saved.
    """
    cfg = _prepare("train", config, work_dir, cfg_options, launcher, data_root)
    cfg.resume = resume or cfg.get("resume", False)
    if auto_scale_lr:
        if "base_batch_size" not in (cfg.get("auto_scale_lr") or {}):
            raise ConfigError(
                f"--auto-scale-lr needs `auto_scale_lr.base_batch_size`, which config "
                f"{config} lacks: the batch that its learning rate was chosen for"
            )
        cfg.auto_scale_lr.enable = True
    if amp:
        cfg.optim_wrapper.type = "AmpOptimWrapper"
    _build(cfg).train()


def test(
    config: str,
    checkpoint: str,
    work_dir: str | None = None,  # noqa: PT028
    cfg_options: dict[str, Any] | None = None,  # noqa: PT028
    launcher: str = "none",  # noqa: PT028
    data_root: str | None = None,  # noqa: PT028
    out: str | None = None,  # noqa: PT028
    show_dir: str | None = None,  # noqa: PT028
    show: bool = False,  # noqa: PT028
    wait_time: float | None = None,  # noqa: PT028
    tta: bool = False,  # noqa: PT028
) -> dict[str, Any]:
    """Evaluate ``checkpoint`` on the config's test data.

    Args:
        config: Path of a config file.
        checkpoint: A .pth or .safetensors file, or the work dir of a run, which
            stands for its newest intact checkpoint.
        work_dir: Where logs and results go.
        cfg_options: Dotted keys and values that override the file's.
        launcher: ``none``, ``pytorch`` or ``slurm``.
        data_root: Folder of prepared data for every dataset of the config.
        out: Folder of predictions, of a metric that writes them.
        show_dir: Folder of pictures, of hooks that draw them.
        show: Show the pictures in windows.
        wait_time: Seconds that a window stays; None until it is closed.
        tta: Predict from flipped and turned copies, with a model that can.

    Returns:
        Metric name to value.

    Raises:
        EngineError: For everything the user can mend.
    """
    cfg = _prepare("test", config, work_dir, cfg_options, launcher, data_root)
    cfg.load_from = str(weights_file(Path(checkpoint).expanduser()))
    cfg.resume = False
    # What may start at random before a training must not be evaluated at random.
    if cfg.get("load_from_policy"):
        cfg.load_from_policy.pop("allow_missing", None)
    from vantage3d.visualization import window  # drawing takes a second to import

    if tta:
        _give("--tta", MODELS, [cfg.model], "tta", True)
    if out is not None:
        evaluators = cfg.test_evaluator
        metrics = evaluators if isinstance(evaluators, list) else [evaluators]
        _give("--out", METRICS, metrics, "predictions_dir", out)
    if show or show_dir is not None:
        pictures = show_dir or str(Path(cfg.work_dir) / "pictures")
        _give("--show-dir", HOOKS, cfg.get("custom_hooks") or [], "out_dir", pictures)
    window.check_display(show, wait_time, "--show-dir")
    found = _build(cfg).test()
    if out is not None and is_main_process():
        half = (cfg.test_cfg or {}).get("fp16")
        precision = "float16" if half else cfg.model.get("precision", "float32")
        weights = {"weights": cfg.load_from, "weights_sha256": file_hash(cfg.load_from)}
        note_run(Path(out), made_by(precision, get_device(), **weights), alone=True)
    if show:
        window.show_pictures(Path(pictures), wait_time)
    return found


def _give(option: str, registry: Any, parts: list, key: str, value: Any) -> None:
    """Set an argument of the parts that take it; a ConfigError if none does."""
    kinds = [(part, registry.get(part["type"])) for part in parts]
    takers = [part for part, kind in kinds if key in signature(kind).parameters]
    if not takers:
        names = [part["type"] for part in parts] or "nothing"
        raise ConfigError(f"{option} is for parts that have `{key}`, got {names}")
    for part in takers:
        part[key] = value


test.__test__ = False  # type: ignore[attr-defined]  # pytest: not a test


def run_command(function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Call ``function``; what the user can mend ends in one message, not a traceback.

    Exit codes: 2 for a user error, 3 for a loss that is not finite, 4 if a process of
    the run died, 143 after SIGTERM and 130 after SIGINT.
    """
    try:
        function(**arguments)
    except TrainingInterruptedError as stop:
        _end(str(stop), stop.exit_code)
    except NonFiniteError as error:
        _end(f"error: {error}", NON_FINITE)
    except LostProcessError as error:
        _end(f"error: {error}", LOST)
    except EngineError as error:
        _end(f"error: {error}", USER_ERROR)
    except (OSError, ValueError, ImportError) as error:
        log = _keep_traceback()
        if log is None:
            raise
        _end(f"error: {_last_words(error)}\n(traceback: {log})", USER_ERROR)
    except KeyboardInterrupt:
        _end("stopped by SIGINT", INTERRUPTED)
    if is_distributed():
        # Of several processes that Python ends itself, one in ten aborts: after Python
        # is gone, C++ destroys a thread that still runs ("terminate called without an
        # active exception", torch 2.11 with gloo). The finished run would have failed.
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
        leave(0)


def _prepare(
    task: str,
    config: str,
    work_dir: str | None,
    cfg_options: dict[str, Any] | None,
    launcher: str,
    data_root: str | None,
) -> Config:
    cfg = load_config(config, cfg_options)
    for key in NEEDED[task]:
        if cfg.get(key) is None:
            raise ConfigError(f"config {config} cannot be {task}ed: it has no `{key}`")
    set_data_root(cfg, data_root)
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs") / Path(config).stem)
    cfg.launcher = launcher
    if launcher == "pytorch" and not is_distributed():
        join_processes(**(cfg.get("env_cfg", {}).get("dist_cfg") or {}))
    if launcher == "pytorch" and not torch.cuda.is_available():
        cfg.model_wrapper_cfg = {
            "type": "MMDistributedDataParallel",
            "broadcast_buffers": False,
            "find_unused_parameters": cfg.get("find_unused_parameters", False),
            **(cfg.get("model_wrapper_cfg") or {}),
            "device_ids": None,
        }
    return cfg


def set_data_root(cfg: Config, data_root: str | None) -> None:
    """Let every dataset of a config read ``data_root`` if given, in wrappers too."""
    nodes = [cfg.get(f"{name}_dataloader") for name in ("train", "val", "test")]
    while nodes and data_root is not None:
        node = nodes.pop()
        if isinstance(node, list):
            nodes += node
        elif isinstance(node, dict):
            if "data_root" in node:
                node["data_root"] = data_root
            nodes += [node.get(key) for key in ("dataset", "datasets")]


def _build(cfg: Config) -> Any:
    """The runner; a part that cannot be built is the config's mistake."""
    try:
        return RUNNERS.build(cfg)
    except (AttributeError, ImportError, KeyError, TypeError) as error:
        log = _keep_traceback()
        if log is None:
            raise
        first_line = str(error.args[0]).partition("\n")[0] if error.args else ""
        owner = ""  # the innermost object that a registry was making
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_name == "build_from_cfg":
                made = frame.f_locals.get("obj_cls")
                owner = f"{getattr(made, '__name__', '?')}: "
        raise ConfigError(
            f"config {cfg.filename} cannot be built: {owner}{type(error).__name__}: "
            f"{first_line}\n(traceback: {log})"
        ) from error


def weights_file(checkpoint: Path) -> Path:
    """The file itself, or the newest intact one of a work dir.

    Raises:
        CheckpointError: If there is none.
    """
    if not checkpoint.is_dir():
        require_file(checkpoint)
        return checkpoint
    newest = newest_checkpoint(checkpoint)
    if newest is None:
        raise CheckpointError(
            f"{checkpoint} holds no checkpoint. Train first: tools/train.py CONFIG "
            f"--work-dir {checkpoint}"
        )
    return newest[0]


def _end(message: str, code: int) -> None:
    sys.stderr.write(f"{message}\n")
    leave(code)


def _last_words(error: Exception) -> str:
    """The message without the traceback that a worker put before it."""
    text = str(error)
    if "Original Traceback" in text:
        text = text.rpartition(f"{type(error).__name__}: ")[2]
    return text.strip()


def _keep_traceback() -> str | None:
    """Append the traceback to the log of the run; None if there is no run yet."""
    for handler in MMLogger.get_current_instance().handlers:
        if isinstance(handler, logging.FileHandler) and handler.stream:
            handler.stream.write(traceback.format_exc())
            handler.flush()
            return handler.baseFilename
    return None
