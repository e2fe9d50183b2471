"""What a task is made of: readers of formats, measures, trivial rows, self-tests.

Predictions and truth come in units that are judged one by one: scans, frames,
sequences. A unit is reduced to a few arrays for each answer, the model's and those that
need no model, and figures are made of the arrays of many units. Arrays are what results
keep, so that figures of any choice of units, drawn again or paired, can be made later.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.intervals import cluster_of
from vantage3d.evaluation.metrics_table import find
from vantage3d.referee.protocol import Protocol

MODEL = "model"
Arrays = Mapping[str, NDArray[Any]]
Floats = NDArray[np.floating[Any]]
Figures = dict[str, float]
Data = TypeVar("Data")
Prediction = TypeVar("Prediction")
Truth = TypeVar("Truth")
Broken = Callable[[Mapping[str, Truth]], Mapping[str, Prediction]]


class Reader(ABC, Generic[Data]):
    """One format of files.

    Attributes:
        name: What ``--format`` calls it.
        says: What its files are, in a line, for messages and documents.
        entry: File in a folder that is given in place of the folder; empty if none is.

    Args:
        rules: Those of the task's protocol.
    """

    name: ClassVar[str]
    says: ClassVar[str]
    entry: ClassVar[str] = ""

    def __init__(self, rules: Any) -> None:
        self.rules = rules

    @abstractmethod
    def find(self, root: Path) -> dict[str, Path]:
        """Units by name, with the file that each begins with; none of other formats.

        It looks at contents, for names of files are often alike.
        """

    @abstractmethod
    def read(self, path: Path) -> Data:
        """A unit of :meth:`find`.

        Raises:
            ValueError: If it is damaged, or breaks its format.
        """

    def files(self, path: Path) -> list[Path]:
        """All files that :meth:`read` reads, for the hash of the whole."""
        return [path]

    @abstractmethod
    def write(self, root: Path, name: str, data: Data) -> None:
        """Write a unit into a folder as others do, for self-tests."""


class Task(ABC, Generic[Prediction, Truth]):
    """Something to judge, under one protocol.

    Attributes:
        name: What the command line calls it.
        readers: Formats of predictions.
        truth_readers: Formats of truth.
        Rules: Dataclass of the protocol's choices.

    Args:
        protocol: One of this task.
    """

    name: ClassVar[str]
    readers: ClassVar[Sequence[type[Reader]]]
    truth_readers: ClassVar[Sequence[type[Reader]]]
    Rules: ClassVar[type]

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.rules: Any = protocol.rules(self.Rules)

    @property
    @abstractmethod
    def unit(self) -> str:
        """What is judged one by one, in the plural."""

    @property
    def headline(self) -> tuple[str, ...]:
        """Keys of the metrics table by which answers are ranked and flagged.

        Those that the protocol chooses, unless a task always has the same.
        """
        return tuple(self.rules.figures)

    @abstractmethod
    def measure(self, name: str, pred: Prediction, truth: Truth) -> dict[str, Arrays]:
        """A unit by answer: :data:`MODEL` first, then the trivial ones.

        Raises:
            ValueError: If the two do not fit each other; the caller names the unit.
        """

    @abstractmethod
    def figures(self, units: Sequence[Arrays]) -> Figures:
        """Figures of units by key of the metrics table, :attr:`headline` first.

        NaN is what could not be measured.
        """

    def resampled(self, units: Sequence[Arrays], weights: Floats) -> Floats:
        """(R, K) of the K headline figures when units count several times, or not.

        Args:
            units: U of them.
            weights: (R, U) whole numbers.
        """
        rows = []
        for weight in weights.astype(int).tolist():
            drawn = [unit for unit, n in zip(units, weight) for _ in range(n)]
            figures = self.figures(drawn)
            rows.append([figures[key] for key in self.headline])
        return np.array(rows)

    @abstractmethod
    def counts(self, units: Sequence[Arrays]) -> dict[str, int]:
        """How much was judged, by name: of points, instances, pixels."""

    @abstractmethod
    def nothing(self, truth: Truth) -> Prediction:
        """What stands for a unit that was not predicted, where that is allowed."""

    def cluster(self, name: str) -> str:
        """The independent piece of the world that a unit shows; others may share it.

        The scene of a scan or film of that name: ScanNet has several of one.
        """
        return cluster_of(name)

    @abstractmethod
    def made_up(self) -> dict[str, Truth]:
        """A few small units for self-tests, none trivial."""

    @abstractmethod
    def perfect(self, truth: Truth) -> Prediction:
        """The best answer there is."""

    @abstractmethod
    def broken(self) -> dict[str, Broken]:
        """Wrong answers to units that self-tests must tell from the best, by name."""


def better(key: str, first: float, second: float) -> bool:
    """Whether a figure is better than another; NaN is worse than every number."""
    if math.isnan(first) or math.isnan(second):
        return math.isnan(second) and not math.isnan(first)
    return first > second if find(key).higher_is_better else first < second
