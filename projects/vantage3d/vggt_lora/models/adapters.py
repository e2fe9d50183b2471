"""LoRA by peft: adapters injected in place, what checkpoints hold, files for peft."""

import hashlib
import json
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from vantage3d.checks import check_choice, check_positive
from vantage3d.engine.errors import CheckpointError, ConfigError
from vantage3d.engine.optim import matching
from vantage3d.io.files import DAMAGED
from vantage3d.io.sidecars import read_hashed, write_hashed_bytes
from vantage3d.registry import HOOKS

if TYPE_CHECKING:  # two seconds, which runs without adapters need not wait
    from peft import LoraConfig
    from peft.tuners.lora import LoraLayer

ADAPTER = "default"  # peft's name of the only adapter
_ADAPTABLE = (nn.Linear, nn.Conv1d, nn.Conv2d)
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
_ATTENTION_PARTS = ("q", "k", "v", "qk", "qv", "kv", "qkv")
_KEY = "adapter"  # in the metadata of a state dict
_PREFIX = "base_model.model."  # peft's, on every key of a file
Hashes = dict[str, str]


@dataclass(frozen=True)
class LoraSettings:
    """What ``lora=dict(...)`` of a config may say.

    The update of a layer is (alpha / rank) B A, with B zero at the start.

    Attributes:
        target_modules: Patterns (``fnmatch``) of the names of linear and convolution
            layers. A pattern may match other modules too, but must match one of these.
        rank: Rows of A.
        alpha: Numerator of the factor.
        dropout: Probability that an input of A is dropped in training.
        adapter: Folder of an exported adapter to go on from; its alpha may differ, the
            learned update stays the same.
        attention_parts: Which of queries, keys and values learn in layers named
            ``qkv``, as "qk". With fewer than all three, A of these layers stays as it
            is, at random or of ``adapter``, because the three share it: what the others
            have learned before stays exactly as it is, unless the optimizer decays B.
    """

    target_modules: Sequence[str]
    rank: int = 16
    alpha: float = 16
    dropout: float = 0.1
    adapter: str | None = None
    attention_parts: str = "qkv"

    def __post_init__(self) -> None:
        check_positive("rank", self.rank)
        check_positive("alpha", self.alpha)
        check_choice("attention_parts", self.attention_parts, _ATTENTION_PARTS)


def adaptable_layers(model: nn.Module) -> list[str]:
    """Names of the layers that LoRA can adapt.

    The projections inside ``nn.MultiheadAttention`` are not among them: torch reads
    their weights without calling them.
    """
    closed = tuple(
        f"{name}."
        for name, module in model.named_modules()
        if isinstance(module, nn.MultiheadAttention)
    )
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, _ADAPTABLE) and not name.startswith(closed)
    ]


def inject_lora(model: nn.Module, settings: LoraSettings) -> list[str]:
    """Put adapters into ``model``; afterwards nothing else is trainable.

    Returns:
        Names of the adapted layers.

    Raises:
        ConfigError: If a pattern matches no layer; it names the nearest names.
    """
    from peft import inject_adapter_in_model

    layers = adaptable_layers(model)
    names = matching(settings.target_modules, layers, "lora.target_modules")
    inject_adapter_in_model(_peft_config(settings, names), model, ADAPTER)
    injected = [name for name, _ in lora_layers(model)]
    if injected != names:
        raise ConfigError(
            f"peft adapted {sorted(set(injected) ^ set(names))} other than "
            "`lora.target_modules` says: name these layers more exactly"
        )
    if settings.attention_parts != "qkv":
        _keep_other_parts(model, settings)
    return names


def _keep_other_parts(model: nn.Module, settings: LoraSettings) -> None:
    """In ``qkv`` layers only the rows ``attention_parts`` of B learn, nothing of A."""
    made = [layer for name, layer in lora_layers(model) if name.endswith(".qkv")]
    if not made:
        raise ConfigError(
            f'`lora.attention_parts` "{settings.attention_parts}" is of layers named '
            f"`qkv`, and {list(settings.target_modules)}, the patterns of "
            "`lora.target_modules`, match none"
        )
    learns = torch.tensor([float(part in settings.attention_parts) for part in "qkv"])
    for layer in made:
        layer.lora_A[ADAPTER].weight.requires_grad_(False)
        B = layer.lora_B[ADAPTER].weight
        rows = learns.repeat_interleave(len(B) // 3)[:, None]
        B.register_hook(lambda grad, rows=rows: grad * rows.to(grad))


def _peft_config(settings: LoraSettings, names: Sequence[str]) -> "LoraConfig":
    from peft import LoraConfig

    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]
        lora_dropout=settings.dropout,
        target_modules=list(names),
        bias="none",
    )


def lora_layers(model: nn.Module) -> Iterator[tuple[str, "LoraLayer"]]:
    """The adapted layers of a model by name."""
    from peft.tuners.lora import LoraLayer

    for name, module in model.named_modules():
        if isinstance(module, LoraLayer):
            yield name, module


@contextmanager
def base_alone(model: nn.Module) -> Iterator[None]:
    """Inside, the adapters of ``model`` are switched off."""
    layers = [layer for _, layer in lora_layers(model)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


@torch.no_grad()
def merged_weights(model: nn.Module) -> dict[str, Tensor]:
    """Weights under the names of the network without adapters, updates added.

    Args:
        model: With or without adapters; it is not changed.

    Returns:
        Copies on the CPU.
    """
    updates = {
        f"{name}.base_layer.weight": layer.get_delta_weight(ADAPTER)
        for name, layer in lora_layers(model)
    }
    weights = {}
    for name, value in model.named_parameters():
        if ".lora_" in name:
            continue
        if name in updates:
            value = value + updates[name].to(value.dtype)
        weights[name.replace(".base_layer.", ".")] = value.detach().cpu().clone()
    return weights


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
        self.frozen = [
            key
            for key in model.state_dict()
            if key not in trained and ".lora_" not in key
        ]
        # torch marks this hook with an attribute, which a method cannot have.
        model.register_state_dict_post_hook(partial(self._leave_out_base))
        model.register_load_state_dict_pre_hook(self._check)
        model.register_load_state_dict_post_hook(self._expect_no_base)
        if settings.adapter is not None:
            model.load_state_dict(read_adapter(Path(settings.adapter)))

    def base_now(self) -> Hashes:
        """Hashes (:func:`base_hashes`) of the network that carries the adapters."""
        model = self.model()
        weights = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        return _hash_parts(
            {key.replace(".base_layer.", "."): weights[key] for key in self.frozen}
        )

    def write(self, state: Mapping[str, Tensor], folder: Path) -> None:
        """Write adapters as plain peft reads them.

        Args:
            state: A state dict of the network.
            folder: Where the two files go, each with its hash beside it.
        """
        tensors = {
            _PREFIX + key.replace(f".{ADAPTER}.", "."): value.contiguous()
            for key, value in state.items()
        }
        config = _peft_config(self.settings, self.layers).to_dict()
        # peft's field for the version of the base; a key of ours would make it warn.
        base = " ".join(f"{part}=sha256:{hash_}" for part, hash_ in self.base.items())
        config |= {"inference_mode": True, "revision": base}
        text = json.dumps(
            config,
            indent=2,
            default=lambda x: sorted(x) if isinstance(x, set) else x.value,
        )
        write_hashed_bytes(folder / WEIGHTS, save(tensors, {"format": "pt"}))
        write_hashed_bytes(folder / CONFIG, text.encode())

    def _leave_out_base(
        self, model: nn.Module, state: dict, prefix: str, metadata: dict
    ) -> None:
        for key in self.frozen:
            state.pop(prefix + key, None)
        sizes = {"rank": self.settings.rank, "alpha": self.settings.alpha}
        metadata[_KEY] = {**sizes, "base": dict(self.base)}

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
        alpha = found["alpha"]
        if alpha == self.settings.alpha:
            return
        factor = alpha / self.settings.alpha  # (alpha / rank) B A stays
        for key in [key for key in state if ".lora_B." in key]:
            state[key] = state[key] * factor
        print_log(
            f"adapters of alpha {alpha:g} go on with {self.settings.alpha:g}: B is "
            f"multiplied by {factor:g}, so that the learned update stays the same",
            logger="current",
        )

    def _expect_no_base(self, model: nn.Module, keys: Any) -> None:
        frozen = set(self.frozen)
        keys.missing_keys[:] = [key for key in keys.missing_keys if key not in frozen]


_AGAIN = "Take the export of another checkpoint, or the checkpoint itself"


def read_adapter(folder: Path) -> "OrderedDict[str, Tensor]":
    """State dict of an exported adapter, with what :class:`Adapters` checks.

    Raises:
        CheckpointError: If a file is missing or damaged, or does not say its base.
    """
    try:
        weights, facts = (
            read_hashed(folder / name, f"{folder / name} of the adapter", _AGAIN)
            for name in (WEIGHTS, CONFIG)
        )
        tensors, config = load(weights), json.loads(facts)
        base = dict(item.split("=sha256:") for item in config["revision"].split())
        found = {"rank": config["r"], "alpha": config["lora_alpha"], "base": base}
    except FileNotFoundError as error:
        raise CheckpointError(
            f"adapter {folder} lacks {error.filename or error}: give a folder with "
            f"{WEIGHTS} and {CONFIG}"
        ) from error
    except (*DAMAGED, SafetensorError) as error:
        raise CheckpointError(
            f"adapter {folder} is damaged or was not exported by this project "
            f"({type(error).__name__}: {error}); its {CONFIG} must give the hashes of "
            "the base as `revision`"
        ) from error
    state: OrderedDict[str, Tensor] = OrderedDict()
    for key, value in tensors.items():
        name, _, leaf = key.removeprefix(_PREFIX).rpartition(".")
        state[f"{name}.{ADAPTER}.{leaf}"] = value
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


@HOOKS.register_module()
class BaseUntouchedHook(Hook):
    """Hashes the base of a model with adapters after training or testing, and logs it.

    Raises:
        CheckpointError: If a part of the base has other weights than it was built with.
    """

    def after_train(self, runner: Runner) -> None:
        self._check(runner, f"after {runner.iter} iterations of training")

    def after_test(self, runner: Runner) -> None:
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
