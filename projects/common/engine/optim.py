"""Optimizer wrappers that refuse to take a step from a loss that is not finite.

They carry MMEngine's names on purpose: within the scope ``vantage3d`` every config
gets them.
"""

from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper as _AmpOptimWrapper
from mmengine.optim import OptimWrapper as _OptimWrapper

from projects.common.engine.clipping import ModuleClipping
from projects.common.engine.errors import ConfigError, NonFiniteError
from projects.common.engine.interrupt import UpdateGuard
from projects.registry import OPTIM_WRAPPERS


def _check_loss(loss: torch.Tensor) -> None:
    if not torch.isfinite(loss).all():
        raise NonFiniteError(f"the loss is {float(loss)}")


@OPTIM_WRAPPERS.register_module()
class OptimWrapper(ModuleClipping, _OptimWrapper):
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
class AmpOptimWrapper(ModuleClipping, _AmpOptimWrapper):
    """MMEngine's, but a loss that is not finite stops the run.

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
