"""Gradients clipped module by module."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch

from vantage3d.engine.errors import ConfigError
from vantage3d.engine.optim.patterns import matching


class ModuleClipping:
    """Mixin of optimizer wrappers: a largest gradient norm for each part of the model.

    Needs ``constructor="GroupingConstructor"``, whose optimizer knows names. The norm
    before clipping is logged as ``grad_norm/<pattern>``.

    Args:
        clip_modules: Pattern of parameter names to largest norm. A parameter belongs to
            the first pattern that matches it; each must have one.

    Raises:
        ConfigError: If the optimizer has no names, a pattern matches nothing, or a
            parameter belongs to none.
    """

    optimizer: torch.optim.Optimizer
    message_hub: Any
    clip_grad_kwargs: dict[str, Any] | None

    def __init__(
        self, *args: Any, clip_modules: Mapping[str, float] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._clipped: list[tuple[str, float, list[torch.Tensor]]] = []
        if clip_modules is not None:
            if self.clip_grad_kwargs:
                raise ConfigError(
                    "`optim_wrapper` has both `clip_grad` and `clip_modules`: keep one"
                )
            self._clipped = self._assign(clip_modules)
            # MMEngine's step clips when it finds something here.
            self.clip_grad_kwargs = dict(clip_modules)

    def _assign(
        self, limits: Mapping[str, float]
    ) -> list[tuple[str, float, list[torch.Tensor]]]:
        named = _named(self.optimizer)
        matching(limits, list(named), "optim_wrapper.clip_modules")
        members: dict[str, list[torch.Tensor]] = {pattern: [] for pattern in limits}
        for name, parameter in named.items():
            owner = next((p for p in limits if fnmatchcase(name, p)), None)
            if owner is None:
                raise ConfigError(
                    f"`optim_wrapper.clip_modules` has no pattern for the trainable "
                    f"parameter {name}: it has {list(limits)}. Add one, '*' for the "
                    "rest"
                )
            members[owner].append(parameter)
        return [(pattern, limits[pattern], members[pattern]) for pattern in limits]

    def _clip_grad(self) -> None:
        if not self._clipped:
            super()._clip_grad()  # type: ignore[misc]
        for pattern, limit, parameters in self._clipped:
            norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
            self.message_hub.update_scalar(f"train/grad_norm/{pattern}", float(norm))


def _named(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Parameters of an optimizer by name."""
    if any("param_names" not in group for group in optimizer.param_groups):
        raise ConfigError(
            "`optim_wrapper.clip_modules` needs named parameters: set "
            "optim_wrapper.constructor='GroupingConstructor'"
        )
    return {
        name: parameter
        for group in optimizer.param_groups
        for name, parameter in zip(group["param_names"], group["params"])
    }
