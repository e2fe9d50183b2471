"""Where the models stand on the x axis of a curve over checkpoints."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vantage3d.evaluation.results.run import Model, Run

MOST_TICKS = 12


@dataclass(frozen=True)
class Positions:
    """Checkpoints in order with their places.

    Attributes:
        line: Models that the curve connects.
        x: (N,) places of ``line``.
        merged: Merged models; each is drawn by itself.
        merged_x: (M,) their places.
        numbered: Whether a place is the number in the name. Otherwise models stand side
            by side in the order of their names.
    """

    line: tuple[Model, ...]
    x: NDArray[np.float64]
    merged: tuple[Model, ...]
    merged_x: NDArray[np.float64]
    numbered: bool

    @property
    def label(self) -> str:
        return "checkpoint number" if self.numbered else "model"

    def label_axis(self, axes: Axes) -> None:
        """Ticks that name the checkpoints, few enough to be read."""
        places = np.concatenate([self.x, self.merged_x])
        low, high = places.min(), places.max()
        margin = max((high - low) * 0.04, 0.5 if low == high else 0)
        axes.set_xlim(low - margin, high + margin)
        if not self.numbered:
            models = (*self.line, *self.merged)
            step = -(-len(models) // MOST_TICKS)
            names = [model.name for model in models[::step]]
            axes.set_xticks(
                places[::step], names, rotation=30, ha="right", rotation_mode="anchor"
            )
        elif _readable(self.x):
            axes.set_xticks(self.x)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(MOST_TICKS, integer=True))


def positions(run: Run) -> Positions:
    """Places of all models but the baseline, or of the baseline if it stands alone."""
    line = tuple(model for model in run.checkpoints if not model.merged)
    merged = tuple(model for model in run.checkpoints if model.merged)
    steps = [model.step for model in line]
    models = (*line, *merged)
    if not models:
        return Positions(run.models, np.zeros(1), (), np.zeros(0), False)
    numbered = bool(line) and len({*steps, None}) == len(line) + 1
    numbered = numbered and all(model.step is not None for model in merged)
    x = [model.step if numbered else row for row, model in enumerate(models)]
    places = np.array(x, np.float64)
    return Positions(line, places[: len(line)], merged, places[len(line) :], numbered)


def _readable(x: NDArray[np.float64]) -> bool:
    """Whether a tick at every place leaves room for its number."""
    if len(x) < 2:
        return True
    gap = np.diff(np.sort(x)).min() / np.ptp(x)
    return len(x) <= MOST_TICKS and bool(gap > 1 / MOST_TICKS / 1.5)
