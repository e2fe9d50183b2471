"""What is compared, and whether that is fair."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vantage3d.checks import check_choice
from vantage3d.engine.configs.config import load_config

# What the configs of a comparison must have in common.
SCHEDULE = ("optim_wrapper", "param_scheduler", "train_cfg", "train_dataloader")


@dataclass(frozen=True)
class Plan:
    """A comparison.

    Attributes:
        configs: Config file by the name it has in the report; the first is the
            baseline.
        seeds: Seeds of weights, order of the data and augmentation; every config is
            run with each.
        out: Folder of all runs.
        options: Overrides of config keys, the same for all.
        data_root: Prepared data instead of the configs'.
        load_from: Checkpoint that every run starts from; None for random weights of
            the baseline, one set per seed.
        launcher: ``none`` for one process per run, or ``pytorch`` for torchrun.
        processes: Processes that torchrun starts for a run: a number, or ``auto`` for
            one per GPU, or per core where there is none.

    Raises:
        ValueError: If ``launcher`` is another.
    """

    configs: Mapping[str, Path]
    seeds: tuple[int, ...]
    out: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    data_root: str | None = None
    load_from: Path | None = None
    launcher: str = "none"
    processes: str = "auto"

    def __post_init__(self) -> None:
        check_choice("launcher", self.launcher, ("none", "pytorch"))

    @property
    def baseline(self) -> str:
        """Name of the first config."""
        return next(iter(self.configs))


def check_plan(plan: Plan) -> None:
    """Refuse what would make the comparison unfair.

    Raises:
        ValueError: If there are fewer than two configs, no or equal seeds, or the
            configs differ in schedule.
    """
    if len(plan.configs) < 2 or not plan.seeds:
        raise ValueError(
            "a comparison needs two configs and a seed, got "
            f"{list(plan.configs)} and seeds {list(plan.seeds)}."
        )
    if len(set(plan.seeds)) < len(plan.seeds):
        raise ValueError(f"seeds must differ, got {list(plan.seeds)}.")
    first = _schedule(plan, plan.baseline)
    for name in plan.configs:
        for key, value in _schedule(plan, name).items():
            if value != first[key]:
                raise ValueError(
                    f"config {name} has another `{key}` than {plan.baseline}: {value} "
                    f"instead of {first[key]}. Give both the same with --cfg-options"
                )


def _schedule(plan: Plan, name: str) -> dict[str, Any]:
    cfg = load_config(plan.configs[name], dict(plan.options))
    values = {key: cfg.get(key) for key in SCHEDULE}
    loader = values.pop("train_dataloader") or {}
    values["train_dataloader.batch_size"] = loader.get("batch_size")
    return values
