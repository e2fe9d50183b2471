"""Adapters outside the network: what a checkpoint holds, and files for plain peft."""

import hashlib
import json
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from vantage3d.engine.errors import CheckpointError
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.registry import HOOKS
from vantage3d.vggt_lora.models.adapters import (
    ADAPTER,
    LoraSettings,
    inject_lora,
    peft_config,
)

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
_KEY = "adapter"  # in the metadata of a state dict
_PREFIX = "base_model.model."  # peft's, on every key of a file
Hashes = dict[str, str]


def base_hashes(model: nn.Module) -> Hashes:
    """SHA-256 of each part of a network: names, types and values of its weights.

    A part is a child of the network. So an adapter fits a network that has more heads
    than the one it was trained in.
    """
    return _hash_parts(model.state_dict())


def _hash_parts(weights: Mapping[str, Tensor]) -> Hashes:
    hashes: dict[str, Any] = {}
    for key, value in sorted(weights.items()):
        array = value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
        part = hashes.setdefault(key.partition(".")[0], hashlib.sha256())
        part.update(f"{key} {value.dtype} {list(value.shape)}".encode())
        part.update(memoryview(array))
    return {part: found.hexdigest() for part, found in hashes.items()}


class Adapters:
    """The adapters of a network and the base they belong to.

    Injects them, and from then on the network's state dict holds adapters only, with
    rank, alpha and the hashes of the base beside them; loading it refuses those of
    another base or rank.

    Args:
        model: With its base weights loaded.
        settings: Which layers, and how.

    Raises:
        ConfigError: If a pattern matches no layer.
        CheckpointError: If ``settings.adapter`` is damaged or of another base or rank.
    """

    def __init__(self, model: nn.Module, settings: LoraSettings) -> None:
        on_meta = any(parameter.is_meta for parameter in model.parameters())
        self.base = {} if on_meta else base_hashes(model)
        self.settings = settings
        self.model = weakref.ref(model)  # the network holds its adapters
        self.layers = inject_lora(model, settings)
        trained = {n for n, p in model.named_parameters() if p.requires_grad}
        self.frozen = [key for key in model.state_dict() if key not in trained]
        # torch marks this hook with an attribute, which a method cannot have.
        model.register_state_dict_post_hook(partial(self._leave_out_base))
        model.register_load_state_dict_pre_hook(self._check)
        model.register_load_state_dict_post_hook(self._base_is_there)
        if settings.adapter is not None:
            model.load_state_dict(read_adapter(Path(settings.adapter)))

    def base_now(self) -> Hashes:
        """As :func:`base_hashes` of the network that the adapters were put into."""
        model = self.model()
        weights = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        return _hash_parts(
            {key.replace(".base_layer.", "."): weights[key] for key in self.frozen}
        )

    def write(self, state: Mapping[str, Tensor], folder: Path) -> None:
        """Write adapters as plain peft reads them.

        Args:
            state: A state dict of the network.
            folder: Where the two files go.
        """
        tensors = {
            _PREFIX + key.replace(f".{ADAPTER}.", "."): value.contiguous()
            for key, value in state.items()
        }
        config = peft_config(self.settings, self.layers).to_dict()
        # peft's field for the version of the base; a key of ours would make it warn.
        base = " ".join(f"{part}=sha256:{hash_}" for part, hash_ in self.base.items())
        config |= {"inference_mode": True, "revision": base}
        text = json.dumps(config, indent=2, default=_plain)
        atomic_write_bytes(folder / WEIGHTS, save(tensors, {"format": "pt"}))
        atomic_write_bytes(folder / CONFIG, text.encode())

    def _leave_out_base(
        self, model: nn.Module, state: dict, prefix: str, metadata: dict
    ) -> None:
        for key in self.frozen:
            state.pop(prefix + key, None)
        metadata[_KEY] = {
            "rank": self.settings.rank,
            "alpha": self.settings.alpha,
            "base": dict(self.base),
        }

    def _check(
        self, model: nn.Module, state: dict, prefix: str, metadata: dict, *rest: Any
    ) -> None:
        """Refuse what does not belong here; adjust to another alpha."""
        found = metadata.get(_KEY)
        if found is None:
            raise CheckpointError(
                f"the checkpoint holds no adapters with the hash of their base, but "
                f"{', '.join(list(state)[:2])}, ...: give weights of the whole network "
                "as base_weights=FILE"
            )
        if found["rank"] != self.settings.rank:
            raise CheckpointError(
                f"the adapters have rank {found['rank']}, the model's have rank "
                f"{self.settings.rank}: set lora.rank={found['rank']}"
            )
        for part, digest in self.base.items():
            if found["base"].get(part, digest) != digest:
                raise CheckpointError(
                    f"the adapters belong to another base: SHA-256 of its {part} "
                    f"begins with {found['base'][part][:12]}, this one's with "
                    f"{digest[:12]}. Set base_weights to the file that they were "
                    "trained on"
                )
        self._rescale(state, prefix, found["alpha"])

    def _rescale(self, state: dict, prefix: str, alpha: float) -> None:
        """Keep (alpha / rank) B A when alpha changes."""
        if alpha == self.settings.alpha:
            return
        factor = alpha / self.settings.alpha
        for key in [key for key in state if ".lora_B." in key]:
            state[key] = state[key] * factor
        print_log(
            f"adapters of alpha {alpha:g} go on with {self.settings.alpha:g}: B is "
            f"multiplied by {factor:g}, so that the learned update stays the same",
            logger="current",
        )

    def _base_is_there(self, model: nn.Module, keys: Any) -> None:
        frozen = set(self.frozen)
        keys.missing_keys[:] = [key for key in keys.missing_keys if key not in frozen]


def read_adapter(folder: Path) -> "OrderedDict[str, Tensor]":
    """State dict of an exported adapter, with what :class:`Adapters` checks.

    Raises:
        CheckpointError: If a file is missing or damaged, or does not say its base.
    """
    try:
        tensors = load_file(folder / WEIGHTS)
        config = json.loads((folder / CONFIG).read_text())
        base = dict(item.split("=sha256:") for item in config["revision"].split())
        found = {"rank": config["r"], "alpha": config["lora_alpha"], "base": base}
    except FileNotFoundError as error:
        raise CheckpointError(
            f"adapter {folder} lacks {error.filename or error}: give a folder with "
            f"{WEIGHTS} and {CONFIG}"
        ) from error
    except (SafetensorError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"adapter {folder} is damaged or was not exported by this project "
            f"({type(error).__name__}: {error}); its {CONFIG} must give the hashes of "
            "the base as `revision`"
        ) from error
    state = OrderedDict((_from_peft(key), value) for key, value in tensors.items())
    state._metadata = {"": {"version": 1, _KEY: found}}  # type: ignore[attr-defined]
    return state


def adapter_facts(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """``rank``, ``alpha`` and hashes of the ``base`` that a state dict carries.

    Args:
        state: State dict of a checkpoint or of :func:`read_adapter`.

    Returns:
        None if it holds no adapters.
    """
    metadata = getattr(state, "_metadata", {}).get("", {})
    return metadata.get(_KEY)


def _from_peft(key: str) -> str:
    name, _, leaf = key.removeprefix(_PREFIX).rpartition(".")
    return f"{name}.{ADAPTER}.{leaf}"


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else value.value


@HOOKS.register_module()
class BaseUntouchedHook(Hook):
    """Hashes the base of a model with adapters after training or testing.

    Raises:
        CheckpointError: If a part of the base has other weights than it was built with.
    """

    def after_train(self, runner: Runner) -> None:
        """Compare, and log the hashes."""
        self._check(runner, f"after {runner.iter} iterations of training")

    def after_test(self, runner: Runner) -> None:
        """Compare, and log the hashes."""
        self._check(runner, "in this test")

    def _check(self, runner: Runner, when: str) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        before, now = model.adapters.base, model.adapters.base_now()
        for part, digest in before.items():
            if now[part] != digest:
                raise CheckpointError(
                    f"the base was changed {when}: SHA-256 of its {part} was "
                    f"{digest[:12]}, now it is {now[part][:12]}. Train nothing but "
                    "adapters, or drop `model.lora`"
                )
        short = ", ".join(f"{part} {digest[:16]}" for part, digest in now.items())
        print_log(f"base weights untouched {when}, SHA-256: {short}", "current")
