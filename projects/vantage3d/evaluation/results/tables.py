"""``windows.csv`` and ``frames.csv`` of a model, only the columns asked for."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.results.reading import number
from vantage3d.evaluation.results.run import Model, Run


@dataclass(frozen=True)
class Table:
    """Columns of a CSV: (N,) texts and (N,) numbers, NaN where a cell is empty."""

    texts: dict[str, list[str]]
    numbers: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(next(iter(self.texts.values())))


def read_windows(model: Model, metrics: Sequence[str]) -> Table | None:
    """A row per window: ``id``, ``sequence``, ``bucket`` and the metrics it has."""
    texts = ("id", "sequence", "bucket")
    return _read(model.folder / "windows.csv", texts, metrics)


def read_frames(model: Model, metrics: Sequence[str]) -> Table | None:
    """A row per frame: ``window``, ``sequence``, ``frame`` and the metrics it has."""
    texts = ("window", "sequence", "frame")
    return _read(model.folder / "frames.csv", texts, metrics)


def check_same_windows(run: Run) -> None:
    """All models must have been evaluated on the same windows.

    Raises:
        ValueError: With the first two models that were not.
    """
    first: tuple[str, set[str]] | None = None
    for model in run.models:
        table = read_windows(model, ())
        if table is None:
            continue
        ids = set(table.texts["id"])
        first = first or (model.name, ids)
        if ids != first[1]:
            raise ValueError(
                f"{run.folder}: {first[0]!r} was evaluated on {len(first[1])} windows "
                f"and {model.name!r} on {len(ids)}, {len(ids & first[1])} of them the "
                "same. They cannot be compared; evaluate both on one windows.json."
            )


def _read(path: Path, texts: Sequence[str], metrics: Sequence[str]) -> Table | None:
    """None if there is no such file or it has no row."""
    if not path.is_file():
        return None
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        missing = [name for name in texts if name not in header]
        if missing:
            raise ValueError(
                f"{path}: expected the columns {list(texts)}, got {header[:6]}: "
                f"{missing} missing. Evaluate again."
            )
        wanted = [*texts, *(name for name in metrics if name in header)]
        places = [header.index(name) for name in wanted]
        rows = [[row[place] for place in places] for row in reader]
    if not rows:
        return None
    columns = dict(zip(wanted, zip(*rows)))
    numbers = {
        name: np.array([number(cell, f"{path}, column {name!r}") for cell in cells])
        for name, cells in columns.items()
        if name not in texts
    }
    return Table({name: list(columns[name]) for name in texts}, numbers)
