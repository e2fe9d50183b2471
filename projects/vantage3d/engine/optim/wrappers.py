"""Optimizer wrappers that take no step from a loss or gradient that is not finite.

They carry MMEngine's names on purpose: within the scope ``vantage3d`` every config
gets them.
"""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch
from mmengine.dist import all_reduce, is_distributed
from mmengine.optim import AmpOptimWrapper as _AmpOptimWrapper
from mmengine.optim import OptimWrapper as _OptimWrapper

from vantage3d.engine.errors import ConfigError, NonFiniteError
from vantage3d.engine.interrupt import UpdateGuard
from vantage3d.engine.optim.param_groups import matching
from vantage3d.registry import OPTIM_WRAPPERS

_SKIPPED = "skipped_steps"


class CarefulSteps:
    """Mixin of optimizer wrappers: steps left out, gradients clipped by module.

    Args:
        max_skipped: Steps of a run that may be left out because they are not finite;
            the next one stops it. 0, the default, stops at the first.
        clip_modules: Pattern of parameter names to largest gradient norm. A parameter
            belongs to the first pattern that matches it; each must have one. Needs
            ``constructor="GroupingConstructor"``, whose optimizer knows names. The norm
            before clipping is logged as ``grad_norm/<pattern>``.

    Attributes:
        skipped_steps: Steps left out so far, kept over a resume.
        on_skip: Told why a step was left out; set by the runner.
        guard: Told when weights begin to change; set by the runner.

    Raises:
        ConfigError: If the optimizer has no names, a pattern matches nothing, or a
            parameter belongs to none.
    """

    skipped_steps: int = 0
    on_skip: Callable[[str], object] | None = None
    guard: UpdateGuard | None = None
    optimizer: torch.optim.Optimizer
    message_hub: Any
    clip_grad_kwargs: dict[str, Any] | None
    _inner_count: int

    def __init__(
        self,
        *args: Any,
        max_skipped: int = 0,
        clip_modules: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.max_skipped = max_skipped
        self._clipped: list[tuple[str, float, list[torch.Tensor]]] = []
        if clip_modules is not None:
            if self.clip_grad_kwargs:
                raise ConfigError(
                    "`optim_wrapper` has both `clip_grad` and `clip_modules`: keep one"
                )
            self._clipped = _by_module(self.optimizer, clip_modules)
            # MMEngine's step clips when it finds something here.
            self.clip_grad_kwargs = dict(clip_modules)

    def update_params(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Gradients and, when it is time, a step; nothing where one is not finite.

        What was accumulated for the step is dropped with it.

        Raises:
            NonFiniteError: If no step may be left out any more.
        """
        counted = self._inner_count
        try:
            if self.max_skipped and is_distributed():
                # All processes skip or none: each waits for the others.
                finite = torch.isfinite(loss.detach()).all().int()
                all_reduce(finite, "min")
                if not finite:
                    raise NonFiniteError(
                        f"the loss is {float(loss)} here or not finite beside"
                    )
            super().update_params(loss, **kwargs)  # type: ignore[misc]
        except NonFiniteError as error:
            if not self.max_skipped:
                raise
            if self.skipped_steps >= self.max_skipped:
                raise NonFiniteError(
                    f"{error}, and {self.skipped_steps} steps were skipped already "
                    "(optim_wrapper.max_skipped)"
                ) from error
            self.skipped_steps += 1
            self._inner_count = counted + 1
            self.zero_grad()  # type: ignore[attr-defined]
            if self.on_skip is not None:
                self.on_skip(str(error))

    def backward(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Gradients of ``loss``, which must be finite."""
        if not torch.isfinite(loss).all():
            raise NonFiniteError(f"the loss is {float(loss)}")
        super().backward(loss, **kwargs)  # type: ignore[misc]

    def step(self, **kwargs: Any) -> None:
        """Clip and update."""
        if self.guard is not None:
            self.guard.begin()
        super().step(**kwargs)  # type: ignore[misc]

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's, with the number of skipped steps."""
        state = super().state_dict()  # type: ignore[misc]
        return {**state, _SKIPPED: self.skipped_steps} if self.max_skipped else state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` returned."""
        state = dict(state_dict)
        self.skipped_steps = state.pop(_SKIPPED, 0)
        super().load_state_dict(state)  # type: ignore[misc]

    def _clip_grad(self) -> None:
        if not self._clipped:
            super()._clip_grad()  # type: ignore[misc]
        for pattern, limit, parameters in self._clipped:
            norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
            self.message_hub.update_scalar(f"train/grad_norm/{pattern}", float(norm))


def _by_module(
    optimizer: torch.optim.Optimizer, limits: Mapping[str, float]
) -> list[tuple[str, float, list[torch.Tensor]]]:
    """Pattern, largest norm and parameters of each entry of ``clip_modules``."""
    if any("param_names" not in group for group in optimizer.param_groups):
        raise ConfigError(
            "`optim_wrapper.clip_modules` needs named parameters: set "
            "optim_wrapper.constructor='GroupingConstructor'"
        )
    named = {
        name: parameter
        for group in optimizer.param_groups
        for name, parameter in zip(group["param_names"], group["params"])
    }
    matching(limits, list(named), "optim_wrapper.clip_modules")
    members: dict[str, list[torch.Tensor]] = {pattern: [] for pattern in limits}
    for name, parameter in named.items():
        owner = next((p for p in limits if fnmatchcase(name, p)), None)
        if owner is None:
            raise ConfigError(
                f"`optim_wrapper.clip_modules` has no pattern for the trainable "
                f"parameter {name}: it has {list(limits)}. Add one, '*' for the rest"
            )
        members[owner].append(parameter)
    return [(pattern, limits[pattern], members[pattern]) for pattern in limits]


@OPTIM_WRAPPERS.register_module()
class OptimWrapper(CarefulSteps, _OptimWrapper):
    """MMEngine's, but weights change only from finite gradients."""

    def step(self, **kwargs: Any) -> None:
        """Clip and update, after a look at the gradients."""
        gradients = [
            p.grad
            for group in self.optimizer.param_groups
            for p in group["params"]
            if p.grad is not None
        ]
        norm = torch.nn.utils.get_total_norm(gradients)
        if not torch.isfinite(norm):
            raise NonFiniteError(f"the gradient norm is {float(norm)}")
        super().step(**kwargs)


@OPTIM_WRAPPERS.register_module()
class AmpOptimWrapper(CarefulSteps, _AmpOptimWrapper):
    """MMEngine's, but a loss that is not finite stops the run or is skipped.

    Infinite gradients are left to the loss scaler, which skips such steps.
    """

    def __init__(self, **kwargs: Any) -> None:
        if not torch.cuda.is_available():
            raise ConfigError(
                "mixed precision (--amp, AmpOptimWrapper) needs CUDA, and torch finds "
                "none: leave out --amp or use type='OptimWrapper'"
            )
        super().__init__(**kwargs)
