"""Parameters chosen by patterns of names: a few groups instead of one for each."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIMIZERS
from torch import nn

from vantage3d.engine.checkpoints.state import bare_model
from vantage3d.engine.errors import ConfigError
from vantage3d.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS

_SETTING = "optim_wrapper.paramwise_cfg"
Settings = tuple[float, float]  # learning rate, weight decay


def matching(patterns: Iterable[str], names: Sequence[str], setting: str) -> list[str]:
    """The names that at least one pattern matches, in their order.

    Args:
        patterns: Patterns of ``fnmatch``; ``*`` also matches dots.
        names: Dotted names of a model.
        setting: Where the patterns stand in the config, for messages.

    Raises:
        ConfigError: If a pattern matches nothing; it names the nearest names.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        matched = {name for name in names if fnmatchcase(name, pattern)}
        if not matched:
            raise ConfigError(
                f"`{setting}` has the pattern {pattern!r}, which matches none of "
                f"{len(names)} names{nearest(pattern, names)}"
            )
        chosen |= matched
    return [name for name in names if name in chosen]


def nearest(pattern: str, names: Iterable[str]) -> str:
    """``; nearest: a, b, c`` for a message, prefixes of names included."""
    known = {
        ".".join(parts[:length])
        for parts in (name.split(".") for name in names)
        for length in range(1, len(parts) + 1)
    }
    found = difflib.get_close_matches(pattern.strip("*."), sorted(known), 3, 0.3)
    return f"; nearest: {', '.join(found)}" if found else ""


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class GroupingConstructor:
    """Groups of trainable parameters with equal settings; frozen ones stay out.

    Biases, norms and layer scales, which are the parameters with fewer than two
    dimensions, never decay. The groups carry the parameters' names, so schedules,
    clipping per module and a resumed optimizer all speak of the same parameters.

    Args:
        optim_wrapper_cfg: Wrapper with its ``optimizer``, as in a config.
        paramwise_cfg: ``no_decay``, patterns of names that do not decay either, and
            ``lr_mult``, pattern to factor of the learning rate; the last match counts.

    Raises:
        ConfigError: If ``paramwise_cfg`` has another key, a pattern matches nothing, or
            the model has nothing to train.
    """

    def __init__(
        self, optim_wrapper_cfg: dict, paramwise_cfg: Mapping[str, Any] | None = None
    ) -> None:
        self.config = dict(optim_wrapper_cfg)
        options = dict(paramwise_cfg or {})
        self.no_decay: Sequence[str] = options.pop("no_decay", ())
        self.lr_mult: Mapping[str, float] = options.pop("lr_mult", {})
        for key in options:
            raise ConfigError(
                f"`{_SETTING}.{key}` is not known to GroupingConstructor: it has "
                f"['lr_mult', 'no_decay']{nearest(key, ['lr_mult', 'no_decay'])}"
            )

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """The wrapper with its optimizer."""
        config = dict(self.config)
        optimizer = dict(config.pop("optimizer"))
        config.setdefault("type", "OptimWrapper")
        optimizer["params"] = self.groups(bare_model(model), optimizer)
        built = OPTIMIZERS.build(optimizer)
        return OPTIM_WRAPPERS.build(config, default_args={"optimizer": built})

    def groups(self, model: nn.Module, optimizer: Mapping[str, Any]) -> list[dict]:
        """Parameter groups, in the order of the first parameter of each."""
        trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        if not trained:
            raise ConfigError(
                "the model has no parameter that requires a gradient: give `lora`, or "
                "freeze less"
            )
        names = list(trained)
        free = set(matching(self.no_decay, names, f"{_SETTING}.no_decay"))
        free |= {name for name, parameter in trained.items() if parameter.ndim < 2}
        factor = dict.fromkeys(names, 1.0)
        for pattern, value in self.lr_mult.items():
            chosen = matching([pattern], names, f"{_SETTING}.lr_mult")
            factor.update(dict.fromkeys(chosen, value))
        lr, decay = optimizer["lr"], optimizer.get("weight_decay", 0.0)
        members: dict[Settings, list] = {}
        for name, parameter in trained.items():
            settings = lr * factor[name], 0.0 if name in free else decay
            members.setdefault(settings, []).append((name, parameter))
        for (lr, decay), pairs in members.items():
            number = sum(parameter.numel() for _, parameter in pairs)
            print_log(
                f"{number:,} parameters in {len(pairs)} tensors: lr {lr:g}, weight "
                f"decay {decay:g}",
                logger="current",
            )
        return [
            {"params": pairs, "lr": lr, "weight_decay": decay}
            for (lr, decay), pairs in members.items()
        ]
