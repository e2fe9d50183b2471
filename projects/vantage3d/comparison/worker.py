"""The process of one job: ``python -m vantage3d.comparison.worker TASK JSON``."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.runner import set_random_seed

from vantage3d.engine import run_command, test, train
from vantage3d.engine.checkpoints.file import read_checkpoint, write_checkpoint
from vantage3d.engine.configs.config import load_config
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import seal
from vantage3d.registry import MODELS


def init(config: str, path: str, seed: int, cfg_options: dict[str, Any]) -> None:
    """Write the random weights of a config's model."""
    set_random_seed(seed)
    model = _model(config, cfg_options)
    if hasattr(model, "init_weights"):
        model.init_weights()
    meta = {"seed": seed, "config": config}
    write_checkpoint({"meta": meta, "state_dict": model.state_dict()}, Path(path))


def start_training(config: str, cfg_options: dict[str, Any], **arguments: Any) -> None:
    """Train; keys that the shared weights lack keep their own initial values."""
    shared = read_checkpoint(cfg_options["load_from"])["state_dict"]
    own = sorted(set(_model(config, cfg_options).state_dict()) - set(shared))
    policy = [f"^(?:{'|'.join(map(re.escape, own))})$"] if own else []
    options = {**cfg_options, "load_from_policy.allow_missing": policy}
    train(config, cfg_options=options, resume=True, **arguments)


def evaluate(metrics: str, cfg_options: dict[str, Any], **arguments: Any) -> None:
    """Evaluate and write the metrics as JSON."""
    options = {k: v for k, v in cfg_options.items() if k != "load_from"}
    options["test_evaluator.result_dir"] = str(Path(metrics).parent)
    found = test(cfg_options=options, **arguments)
    numbers = {key: float(value) for key, value in found.items()}
    atomic_write_bytes(metrics, seal(json.dumps(numbers, indent=1)))


def _model(config: str, cfg_options: dict[str, Any]) -> Any:
    return MODELS.build(load_config(config, cfg_options).model)


TASKS: dict[str, Callable[..., None]] = {
    "init": init,
    "train": start_training,
    "test": evaluate,
}

if __name__ == "__main__":
    run_command(TASKS[sys.argv[1]], json.loads(sys.argv[2]))
