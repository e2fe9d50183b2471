"""The three-key checkpoints of the released implementation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from vantage3d.engine.checkpoints.file import (
    check_hash,
    read_pickle,
    require_file,
    write_checkpoint,
)
from vantage3d.engine.checkpoints.weights import LoadPolicy, load_weights
from vantage3d.engine.errors import CheckpointError

KEYS = {
    "supernet": "state_dict",
    "trinet": "state_dict_tri",
    "depthnet": "state_dict_depth",
}
_ADVICE = (
    "Take a DELTAS checkpoint with the keys state_dict, state_dict_tri and "
    "state_dict_depth, and a model of its width, blocks and descriptor_dim"
)
_IMAGE_ADVICE = "Take torchvision's weights of a ResNet with its width and blocks"


def load_three(model: nn.Module, path: str | Path) -> None:
    """Load a three-key checkpoint; every key of all three networks must fit.

    Args:
        model: A DELTAS, which receives the weights.
        path: What ``torch.save`` wrote; read without executing code.

    Raises:
        CheckpointError: If the file is missing, damaged, has not the three keys, or a
            key does not fit; all of them are named.
    """
    content = _read(Path(path).expanduser())
    absent = [key for key in KEYS.values() if key not in content]
    if absent:
        raise CheckpointError(
            f"checkpoint {path} is not one of DELTAS: it lacks {absent}, it has "
            f"{list(content)[:8]}. {_ADVICE}"
        )
    load_weights(model, joined(content), str(path), advice=_ADVICE)


def save_three(state: Mapping[str, Any], path: str | Path) -> None:
    """Write a DELTAS state dict as a three-key checkpoint, with a hash beside it.

    Raises:
        CheckpointError: If it has other keys, or the file cannot be written.
    """
    parts: dict[str, dict[str, Any]] = {key: {} for key in KEYS.values()}
    for name, value in state.items():
        net, _, rest = name.partition(".")
        if net not in KEYS:
            raise CheckpointError(
                f"`{name}` is no weight of DELTAS: expected names that begin with "
                f"{', '.join(f'{net}.' for net in KEYS)}. Give a DELTAS state dict"
            )
        parts[KEYS[net]][rest] = value
    write_checkpoint(parts, Path(path))


def joined(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """One state dict with the networks' names, of a three-key checkpoint.

    A checkpoint without the three keys is returned as it is.
    """
    if not all(isinstance(content.get(key), Mapping) for key in KEYS.values()):
        return content
    weights = {
        f"{net}.{name.removeprefix('module.')}": value
        for net, key in KEYS.items()
        for name, value in content[key].items()
    }
    rest = {key: v for key, v in content.items() if key not in KEYS.values()}
    return {**rest, "state_dict": weights}


def load_image_encoder(net: nn.Module, path: str | Path) -> None:
    """Load torchvision's ResNet into the trunk of ``supernet``; heads stay as they are.

    Raises:
        CheckpointError: If the file is missing or damaged, or a key does not fit.
    """
    content = _read(Path(path).expanduser())
    content = content.get("state_dict", content)
    trunk = {k: v for k, v in content.items() if k.partition(".")[0] != "fc"}
    heads = r"^(conv|bn)[PD][a-d]\."
    policy = LoadPolicy(allow_missing=(heads,))
    load_weights(net, {"state_dict": trunk}, str(path), policy, _IMAGE_ADVICE)


def _read(path: Path) -> Mapping[str, Any]:
    require_file(path)
    check_hash(path)
    content = read_pickle(path)
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"checkpoint {path} holds a {type(content).__name__}, not weights by name"
        )
    return content
