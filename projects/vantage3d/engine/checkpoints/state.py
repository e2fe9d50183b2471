"""Everything a run needs to go on as if nothing had happened, as plain data."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import mmengine
import torch
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from torch import nn

from vantage3d.engine.checkpoints.plain import from_plain, to_plain
from vantage3d.engine.errors import CheckpointError
from vantage3d.process.seeding import random_states


class BufferCopies:
    """Copies of a model's saved buffers (batch statistics), refreshed in place."""

    def __init__(self, model: nn.Module) -> None:
        saved = model.state_dict().keys()
        self._sources = {k: b for k, b in model.named_buffers() if k in saved}
        self.copies = {k: b.detach().clone() for k, b in self._sources.items()}

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy what the buffers hold now."""
        for name, source in self._sources.items():
            self.copies[name].copy_(source)

    @torch.no_grad()
    def restore(self) -> None:
        """Put the copies back into the buffers."""
        for name, source in self._sources.items():
            source.copy_(self.copies[name])

    def still_belong_to(self, model: nn.Module) -> bool:
        """Whether the model still uses the tensors that are copied here."""
        buffers = dict(model.named_buffers())
        return all(buffers.get(k) is b for k, b in self._sources.items())


@dataclass
class Moment:
    """The end of an iteration, epoch or validation, without weights and optimizer."""

    epoch: int  # completed epochs
    iteration: int  # completed iterations
    progress: dict[str, Any]  # the train loop's position
    random: dict[str, Any]  # states of this process's generators
    lengths: dict[str, int]  # number of entries of each logged scalar

    @classmethod
    def now(cls, runner: Any) -> "Moment":
        """The runner's moment."""
        loop = runner.train_loop
        scalars = runner.message_hub.log_scalars
        return cls(
            epoch=runner.epoch,
            iteration=runner.iter,
            progress=loop.state_dict() if hasattr(loop, "state_dict") else {},
            random=random_states(cuda=True),
            lengths={key: len(history.data[0]) for key, history in scalars.items()},
        )

    @property
    def key(self) -> tuple:
        """Equal for two moments of which a second save would be the same."""
        return (self.epoch, self.iteration, tuple(sorted(self.progress.items())))


def bare_model(model: nn.Module) -> nn.Module:
    """The model inside a wrapper for distributed training."""
    return cast(nn.Module, model.module) if is_model_wrapper(model) else model


def accumulating(runner: Any) -> bool:
    """Whether there are gradients that wait for more before a step."""
    wrapper = runner.optim_wrapper
    return isinstance(wrapper, OptimWrapper) and not wrapper.should_update()


def collect_weights(runner: Any, moment: Moment, config_text: str) -> dict[str, Any]:
    """Meta data, weights and message hub at ``moment``."""
    meta = {
        "epoch": moment.epoch,
        "iter": moment.iteration,
        "saved_ns": time.time_ns(),
        "time": time.strftime("%Y%m%d_%H%M%S"),
        "seed": runner.seed,
        "experiment_name": runner.experiment_name,
        "model": type(bare_model(runner.model)).__name__,
        "mmengine_version": mmengine.__version__,
        "dataset_meta": getattr(runner.train_dataloader.dataset, "metainfo", None),
        "cfg": config_text,
    }
    return {
        "meta": meta,
        "state_dict": bare_model(runner.model).state_dict(),
        "message_hub": _message_hub(runner, moment),
    }


def collect_training(
    runner: Any, moment: Moment, random: list[dict[str, Any]]
) -> dict[str, Any]:
    """What only a resumed run needs.

    Args:
        runner: The runner.
        moment: Where the run stands.
        random: Generator states of every process, in the order of ranks.
    """
    state: dict[str, Any] = {
        "progress": {**moment.progress, "processes": len(random)},
        "random": random,
        "optimizer": runner.optim_wrapper.state_dict(),
    }
    if runner.param_schedulers is not None:
        # Functions come from the config again.
        state["param_schedulers"] = [
            {k: v for k, v in scheduler.state_dict().items() if not callable(v)}
            for scheduler in flat_schedules(runner.param_schedulers)
        ]
    if accumulating(runner):
        parameters = bare_model(runner.model).named_parameters()
        gradients = {name: p.grad for name, p in parameters if p.grad is not None}
        if gradients:  # of an accumulation that has not been applied yet
            state["gradients"] = gradients
    return state


def restore_training(runner: Any, checkpoint: Mapping[str, Any]) -> None:
    """Put back optimizer, schedules, accumulated gradients and message hub."""
    runner.message_hub.load_state_dict(from_plain(checkpoint["message_hub"]))
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    try:
        runner.optim_wrapper.load_state_dict(checkpoint["optimizer"])
    except (ValueError, KeyError) as error:
        raise CheckpointError(
            f"the optimizer's state does not fit the config's optimizer: {error}. To "
            "start anew from the weights use load_from instead of resume"
        ) from error
    if runner.param_schedulers is not None:
        runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)
        schedulers = flat_schedules(runner.param_schedulers)
        states = checkpoint.get("param_schedulers") or []
        if len(schedulers) != len(states):
            raise CheckpointError(
                f"the config has {len(schedulers)} parameter schedulers, the "
                f"checkpoint {len(states)}. To start anew from the weights use "
                "load_from instead of resume"
            )
        for scheduler, state in zip(schedulers, states):
            scheduler.load_state_dict(state)
    parameters = dict(bare_model(runner.model).named_parameters())
    for name, gradient in checkpoint.get("gradients", {}).items():
        parameters[name].grad = gradient.to(parameters[name].device)


def flat_schedules(schedulers: Any) -> list[Any]:
    """Schedules one after the other, of every optimizer where there are several."""
    groups = schedulers.values() if isinstance(schedulers, dict) else [schedulers]
    return [scheduler for group in groups for scheduler in group]


def _message_hub(runner: Any, moment: Moment) -> dict[str, Any]:
    """The hub without entries that an unfinished iteration added after ``moment``."""
    hub = runner.message_hub.state_dict()
    for key, history in hub["log_scalars"].items():
        log, count = history.data
        length = moment.lengths.get(key, len(log))
        hub["log_scalars"][key] = type(history)(
            log[:length], count[:length], history.max_length
        )
    plain = {}
    for key, value in hub["runtime_info"].items():
        try:
            plain[key] = to_plain(value, f"message_hub.{key}")
        except TypeError as error:
            runner.logger.warning(f"not saved, and lost on resume: {error}")
    return {**hub, "runtime_info": plain}
