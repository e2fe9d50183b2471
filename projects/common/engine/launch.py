"""What ``tools/train.py`` and ``tools/test.py`` call."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope

from projects.registry import RUNNERS, SCOPE


def load_config(
    config: str,
    work_dir: str | None,
    cfg_options: dict[str, Any] | None,
    launcher: str,
) -> Config:
    """Read ``config`` and apply what the command line says.

    Args:
        config: Path of a config file.
        work_dir: Where logs and checkpoints go; ``work_dirs/<config name>`` if None
            and the config does not say.
        cfg_options: Dotted keys and values that override the file's.
        launcher: ``none``, ``pytorch`` or ``slurm``.
    """
    cfg = Config.fromfile(config)
    if cfg_options:
        cfg.merge_from_dict(cfg_options)
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs") / Path(config).stem)
    cfg.launcher = launcher
    init_default_scope(cfg.get("default_scope", SCOPE))
    return cfg


def train(
    config: str,
    work_dir: str | None = None,
    resume: bool = False,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = "none",
    amp: bool = False,
) -> None:
    """Train what ``config`` describes.

    Args:
        config: Path of a config file.
        work_dir: Where logs and checkpoints go.
        resume: Continue from the newest checkpoint in ``work_dir``.
        cfg_options: Dotted keys and values that override the file's.
        launcher: ``none``, ``pytorch`` or ``slurm``.
        amp: Automatic mixed precision.
    """
    cfg = load_config(config, work_dir, cfg_options, launcher)
    cfg.resume = resume or cfg.get("resume", False)
    if amp:
        cfg.optim_wrapper.type = "AmpOptimWrapper"
    RUNNERS.build(cfg).train()


def test(
    config: str,
    checkpoint: str,
    work_dir: str | None = None,  # noqa: PT028
    cfg_options: dict[str, Any] | None = None,  # noqa: PT028
    launcher: str = "none",  # noqa: PT028
) -> dict[str, Any]:
    """Evaluate ``checkpoint`` on the config's test data.

    Args:
        config: Path of a config file.
        checkpoint: Path of the weights.
        work_dir: Where logs and results go.
        cfg_options: Dotted keys and values that override the file's.
        launcher: ``none``, ``pytorch`` or ``slurm``.

    Returns:
        Metric name to value.
    """
    cfg = load_config(config, work_dir, cfg_options, launcher)
    cfg.load_from = checkpoint
    cfg.resume = False
    return RUNNERS.build(cfg).test()


test.__test__ = False  # type: ignore[attr-defined]  # pytest: not a test
