"""From a base and the adapters of a run to the weights of one plain network."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.runner import set_random_seed
from safetensors.torch import save
from torch import Tensor

from vantage3d.engine.checkpoints.file import read_checkpoint, write_checkpoint
from vantage3d.engine.checkpoints.weights import load_weights
from vantage3d.engine.configs.config import load_config
from vantage3d.engine.errors import ConfigError
from vantage3d.engine.launch import weights_file
from vantage3d.io.sidecars import write_hashed_bytes
from vantage3d.registry import MODELS
from vantage3d.vggt_lora.models.adapters import CONFIG, merged_weights

SUFFIXES = (".safetensors", ".pth")


def merge_adapter(
    config: str, adapter: Path, out: Path, options: Mapping[str, Any] | None = None
) -> dict[str, Tensor]:
    """Write the base weights with the learned updates added, under VGGT's names.

    Args:
        config: Config of the run: it names base weights and adapted layers.
        adapter: A checkpoint, a work dir (its newest one) or an exported folder.
        out: ``.safetensors`` or ``.pth``, with its hash beside it. Either can be the
            ``base_weights`` of another config.
        options: Dotted config keys that override the file's.

    Returns:
        What was written.

    Raises:
        ConfigError: If ``out`` has another suffix, or the run has no adapters.
        CheckpointError: If the adapters belong to another base, rank or set of layers.
    """
    if out.suffix not in SUFFIXES:
        raise ConfigError(f"`out` must end in one of {SUFFIXES}, got {out}")
    cfg = load_config(config, options)
    settings = cfg.model.get("lora")
    if settings is None:
        raise ConfigError(
            f"config {config} has no `model.lora`, its runs have no adapters to merge. "
            "Give the config of a LoRA run. A network that was trained as a whole can "
            f"be a base as it is: model.base_weights={adapter}"
        )
    # A random base, of a narrow network, is drawn as the runner draws it.
    set_random_seed(cfg.randomness.seed)
    if (adapter / CONFIG).is_file():
        own = json.loads((adapter / CONFIG).read_text())
        settings.update(adapter=str(adapter), rank=own["r"], alpha=own["lora_alpha"])
        model = MODELS.build(cfg.model)
    else:
        model = MODELS.build(cfg.model)
        path = weights_file(adapter)
        load_weights(model, read_checkpoint(path), str(path))
    weights = merged_weights(model)
    if out.suffix == ".pth":
        write_checkpoint({"meta": {}, "state_dict": weights}, out)
    else:
        write_hashed_bytes(out, save(weights, {"format": "pt"}))
    print_log(f"{len(weights)} tensors, adapters merged, in {out}", logger="current")
    return weights
