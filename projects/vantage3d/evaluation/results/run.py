"""What a report is about: models, their metrics and where these came from."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

BASELINE = "baseline"
MERGED = "merged"


@dataclass(frozen=True)
class Stat:
    """A metric of one model: its mean and the ends of its confidence interval.

    What is counted (``count.*``) has its sum as mean, and no interval.
    """

    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Model:
    """One evaluated model.

    Attributes:
        name: As in the CSV: ``baseline``, ``checkpoint_<N>``, ``merged_<...>``.
        stats: By metric, without the ending ``.mean``.
        folder: Its files; may be absent.
    """

    name: str
    stats: Mapping[str, Stat]
    folder: Path

    @property
    def merged(self) -> bool:
        return self.name.startswith(MERGED)

    @property
    def step(self) -> int | None:
        """The last number of the name."""
        numbers = re.findall(r"\d+", self.name)
        return int(numbers[-1]) if numbers else None

    def mean(self, metric: str) -> float:
        """NaN where it was not measured."""
        return self.stats.get(metric, Stat()).mean


@dataclass(frozen=True)
class Run:
    """All models of a result folder.

    Attributes:
        models: The baseline first, then in natural order of the names.
        metadata: Of ``metadata.json``; empty if there is none.
        notes: What is missing, one sentence each, for the reader of the report.
    """

    folder: Path
    models: tuple[Model, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def baseline(self) -> Model | None:
        return next((m for m in self.models if m.name == BASELINE), None)

    @property
    def checkpoints(self) -> tuple[Model, ...]:
        """Everything but the baseline."""
        return tuple(m for m in self.models if m.name != BASELINE)

    @property
    def metrics(self) -> list[str]:
        """Sorted metrics that at least one model has."""
        names = {name for model in self.models for name in model.stats}
        return sorted(name for name in names if self.has(name))

    @cached_property
    def of_buildings(self) -> bool:
        """Whether buildings were measured; a dataset without labels has none."""
        return self.has("depth.building.abs_rel")

    @property
    def where(self) -> str:
        """Pixels that geometry is judged on, for titles."""
        return "buildings" if self.of_buildings else "all pixels"

    def here(self, metric: str) -> str:
        """A metric of buildings, or of all pixels in a run without buildings."""
        if self.of_buildings:
            return metric
        return metric.replace(".building.", ".full.")

    def has(self, metric: str) -> bool:
        """Whether any model has a finite mean of ``metric``."""
        return any(math.isfinite(model.mean(metric)) for model in self.models)


def natural_order(name: str) -> tuple:
    """Sorting key: the baseline, checkpoints by number, merged ones."""
    parts = re.split(r"(\d+)", name)
    return (
        name != BASELINE,
        name.startswith(MERGED),
        [(int(p) if p.isdigit() else 0, p) for p in parts],
    )


def ordered(names: Iterable[str]) -> list[str]:
    """Names of models: baseline first, then naturally (2 before 10)."""

    def key(name: str) -> tuple[bool, Sequence[Any]]:
        parts = re.split(r"(\d+)", name)
        return name != BASELINE, [int(p) if p.isdigit() else p for p in parts]

    return sorted(names, key=key)
