"""Schedules of the learning rate that end before the training does."""

from pathlib import Path
from typing import Any, NamedTuple

from vantage3d.engine.checkpoints.state import flat_schedules
from vantage3d.engine.errors import ConfigError

_ENDLESS = 10**9  # MMEngine's default for an end


class _End(NamedTuple):
    """Where a schedule that lowers the rate ends."""

    iteration: int
    at_zero: bool  # the rate is 0 from there on


def check_schedules(runner: Any, resumed_from: Path | None) -> None:
    """Warn if the rate stays low behind the end of the schedules; refuse a rate of 0.

    Args:
        runner: About to train, at the place from where it goes on.
        resumed_from: The checkpoint that it goes on from, if any.

    Raises:
        ConfigError: If iterations are left that would learn nothing.
    """
    loop = runner.train_loop
    length, unit, key, total = 1, "iteration", "max_iters", loop.max_iters
    if hasattr(loop, "run_epoch"):
        length, unit, key = len(loop.dataloader), "epoch", "max_epochs"
        total = loop.max_epochs
    schedules = flat_schedules(runner.param_schedulers or [])
    ends = [end for one in schedules if (end := _end(one, length))]
    last = max(ends, default=None)
    if last is None or max(last.iteration, runner.iter) >= total * length:
        return
    done, setting = last.iteration / length, f"`train_cfg.{key}`"
    text = f"the schedule (`param_scheduler`) ends after {unit} {done:g}, {setting} is "
    text += f"{total}: the learning rate "
    text += "is 0" if last.at_zero else "stays at its lowest value"
    text += f" for the {total - done:g} {unit}s behind its end"
    if resumed_from is None:
        text += f". Let `param_scheduler` end at {total}, or set {setting} to {done:g}"
    else:
        text += (
            ". A schedule that has begun cannot be lengthened, its rates depend on "
            f"where it ends: begin a new one from these weights, --work-dir ANOTHER "
            f"--cfg-options load_from={resumed_from} train_cfg.{key}=N "
            f"param_scheduler.end=N, or set {setting} to {done:g}"
        )
    if last.at_zero:
        raise ConfigError(f"{text}. Nothing would be learned")
    runner.logger.warning(text)


def _end(schedule: Any, length: int) -> _End | None:
    """Where ``schedule`` ends if it lowers a learning rate, epochs being ``length``."""
    least = getattr(schedule, "eta_min", None)
    ratio = getattr(schedule, "eta_min_ratio", None)
    factor = getattr(schedule, "end_factor", 1.0)
    lowers = least is not None or ratio is not None or factor < 1
    if not lowers or schedule.param_name != "lr" or schedule.end >= _ENDLESS:
        return None
    end = schedule.end * (length if schedule.by_epoch else 1)
    return _End(end, 0 in (least, ratio, factor))
