"""LoRA by peft: adapters injected in place into a network with its weights loaded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from vantage3d.checks import check_positive
from vantage3d.engine.errors import ConfigError
from vantage3d.engine.optim.param_groups import matching

ADAPTER = "default"  # peft's name of the only adapter
_ADAPTABLE = (nn.Linear, nn.Conv1d, nn.Conv2d)


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
    """

    target_modules: Sequence[str]
    rank: int = 16
    alpha: float = 16
    dropout: float = 0.1
    adapter: str | None = None

    def __post_init__(self) -> None:
        check_positive("rank", self.rank)
        check_positive("alpha", self.alpha)


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

    Args:
        model: With its base weights loaded.
        settings: Which layers, and how.

    Returns:
        Names of the adapted layers.

    Raises:
        ConfigError: If a pattern matches no layer; it names the nearest names.
    """
    layers = adaptable_layers(model)
    names = matching(settings.target_modules, layers, "lora.target_modules")
    inject_adapter_in_model(peft_config(settings, names), model, ADAPTER)
    injected = [name for name, _ in lora_layers(model)]
    if injected != names:
        raise ConfigError(
            f"peft adapted {sorted(set(injected) ^ set(names))} other than "
            "`lora.target_modules` says: name these layers more exactly"
        )
    return names


def peft_config(settings: LoraSettings, names: Sequence[str]) -> LoraConfig:
    """peft's form of the settings, with full names of layers."""
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]
        lora_dropout=settings.dropout,
        target_modules=list(names),
        bias="none",
    )


def lora_layers(model: nn.Module) -> Iterator[tuple[str, LoraLayer]]:
    """The adapted layers of a model by name."""
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
