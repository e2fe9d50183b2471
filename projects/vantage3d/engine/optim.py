"""How weights are updated: groups of parameters, careful steps, norms that freeze.

The wrappers take no step from a loss or gradient that is not finite. They carry
MMEngine's names on purpose: within the scope ``vantage3d`` every config gets them.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from mmengine.dist import all_reduce, broadcast, is_distributed
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper as _AmpOptimWrapper
from mmengine.optim import OptimWrapper as _OptimWrapper
from mmengine.registry import OPTIMIZERS
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vantage3d.engine.checkpoints.state import bare_model
from vantage3d.engine.errors import ConfigError, NonFiniteError
from vantage3d.engine.interrupt import UpdateGuard
from vantage3d.registry import HOOKS, OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS

_SETTING = "optim_wrapper.paramwise_cfg"
_SKIPPED = "skipped_steps"


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

    def __call__(self, model: nn.Module) -> _OptimWrapper:
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
        members: dict[tuple[float, float], list] = {}  # by rate and decay
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


@HOOKS.register_module()
class FreezeNormsHook(Hook):
    """From an iteration on, batch norms use the statistics gathered so far.

    The statistics of two samples are not those of the data: they hide what tells the
    two apart, such as how far away things are, and a test then does not compute what
    was trained. After ``begin`` it does. Their scale and shift are still learned.

    Every process continues with the statistics of the first, which are those that
    checkpoints hold.

    Args:
        begin: Iterations that use and gather the statistics of their batches; 0 keeps
            what the norms came with.
        modules: Patterns of module names; norms outside go on as before.

    Raises:
        ConfigError: At the start of a training, if a pattern matches no batch norm.
    """

    def __init__(self, begin: int, modules: Sequence[str] = ("*",)) -> None:
        self.begin, self.modules = begin, list(modules)
        self._norms: list[nn.Module] = []
        self._frozen = False

    def before_train(self, runner: Runner) -> None:
        """Find the norms."""
        modules = bare_model(runner.model).named_modules()
        norms = {name: m for name, m in modules if isinstance(m, _BatchNorm)}
        chosen = matching(self.modules, list(norms), "FreezeNormsHook.modules")
        self._norms, self._frozen = [norms[name] for name in chosen], False

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Freeze; again after each validation, which ends with ``model.train()``."""
        if runner.iter < self.begin:
            return
        for norm in self._norms:
            norm.eval()
        if not self._frozen:
            self._frozen = True
            for norm in self._norms:
                for statistics in norm.buffers():
                    broadcast(statistics)
            print_log(
                f"{len(self._norms)} batch norms keep their statistics from iteration "
                f"{runner.iter + 1} on",
                "current",
            )
