"""Optimizer wrappers that refuse to take a step from a loss that is not finite.

They carry MMEngine's names on purpose: within the scope ``vantage3d`` every config
gets them.
"""

from collections.abc import Callable
from typing import Any

import torch
from mmengine.dist import all_reduce, is_distributed
from mmengine.optim import AmpOptimWrapper as _AmpOptimWrapper
from mmengine.optim import OptimWrapper as _OptimWrapper

from vantage3d.engine.errors import ConfigError, NonFiniteError
from vantage3d.engine.interrupt import UpdateGuard
from vantage3d.engine.optim.clipping import ModuleClipping
from vantage3d.registry import OPTIM_WRAPPERS


def _check_loss(loss: torch.Tensor) -> None:
    if not torch.isfinite(loss).all():
        raise NonFiniteError(f"the loss is {float(loss)}")


class SkippingSteps:
    """Mixin of optimizer wrappers: a step that is not finite is left out, a few times.

    Args:
        max_skipped: Steps of a run that may be left out; the next one stops it. 0, the
            default, stops at the first.

    Attributes:
        skipped_steps: Steps left out so far, kept over a resume.
        on_skip: Told why a step was left out; set by the runner.
    """

    skipped_steps: int = 0
    on_skip: Callable[[str], object] | None = None
    _inner_count: int

    def __init__(self, *args: Any, max_skipped: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.max_skipped = max_skipped

    def update_params(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Gradients and, when it is time, a step; nothing where one is not finite.

        What was accumulated for the step is dropped with it.

        Raises:
            NonFiniteError: If no step may be left out any more.
        """
        counted = self._inner_count
        try:
            self._check_everywhere(loss)
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

    def _check_everywhere(self, loss: torch.Tensor) -> None:
        """With several processes all skip or none: each waits for the others."""
        if not self.max_skipped or not is_distributed():
            return
        finite = torch.isfinite(loss.detach()).all().int()
        all_reduce(finite, "min")
        if not finite:
            raise NonFiniteError(f"the loss is {float(loss)} here or not finite beside")

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's, with the number of skipped steps."""
        state = super().state_dict()  # type: ignore[misc]
        return {**state, _SKIPPED: self.skipped_steps} if self.max_skipped else state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` returned."""
        state = dict(state_dict)
        self.skipped_steps = state.pop(_SKIPPED, 0)
        super().load_state_dict(state)  # type: ignore[misc]


_SKIPPED = "skipped_steps"


@OPTIM_WRAPPERS.register_module()
class OptimWrapper(SkippingSteps, ModuleClipping, _OptimWrapper):
    """MMEngine's, but weights change only from finite gradients.

    Attributes:
        guard: Told when weights begin to change; set by the runner.
    """

    guard: UpdateGuard | None = None

    def backward(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Gradients of ``loss``, which must be finite."""
        _check_loss(loss)
        super().backward(loss, **kwargs)

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
        if self.guard is not None:
            self.guard.begin()
        super().step(**kwargs)


@OPTIM_WRAPPERS.register_module()
class AmpOptimWrapper(SkippingSteps, ModuleClipping, _AmpOptimWrapper):
    """MMEngine's, but a loss that is not finite stops the run or is skipped.

    Infinite gradients are left to the loss scaler, which skips such steps.
    """

    guard: UpdateGuard | None = None

    def __init__(self, **kwargs: Any) -> None:
        if not torch.cuda.is_available():
            raise ConfigError(
                "mixed precision (--amp, AmpOptimWrapper) needs CUDA, and torch finds "
                "none: leave out --amp or use type='OptimWrapper'"
            )
        super().__init__(**kwargs)

    def backward(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Scaled gradients of ``loss``, which must be finite."""
        _check_loss(loss)
        super().backward(loss, **kwargs)

    def step(self, **kwargs: Any) -> None:
        """Clip and update."""
        if self.guard is not None:
            self.guard.begin()
        super().step(**kwargs)
