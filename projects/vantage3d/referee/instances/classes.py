"""Class tables: the ids that stand in files, and which of them have instances."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.scannet_classes import (
    SCANNET20_CLASSES,
    SCANNET20_IDS,
    SCANNET200_CLASSES,
    SCANNET200_IDS,
    THING_IDS,
)


class ClassTable(NamedTuple):
    """Classes by the id that stands in files.

    Attributes:
        things: Names of classes that have instances, by id, in the order of AP.
        stuff: Names of those that have none.
    """

    things: Mapping[int, str]
    stuff: Mapping[int, str]

    @property
    def names(self) -> list[str]:
        """Of the things."""
        return list(self.things.values())

    def places(self, ids: NDArray[np.integer], what: str) -> NDArray[np.int64]:
        """(N,) places among the things, -1 for stuff and for -1 and 0, no classes.

        Raises:
            ValueError: If an id is none of the table's.
        """
        ids = np.asarray(ids)
        largest = max(*self.things, *self.stuff)
        lookup = np.full(largest + 2, -2)  # the last one is that of -1
        lookup[[-1, 0, *self.stuff]] = -1
        lookup[list(self.things)] = np.arange(len(self.things))
        inside = (ids >= -1) & (ids <= largest)
        places = np.where(inside, lookup[np.where(inside, ids, 0)], -2)
        if (places == -2).any():
            bad = np.unique(ids[places == -2])
            raise ValueError(
                f"{what}: {bad[:5].tolist()} are no ids of the protocol's class table, "
                f"which has {sorted({*self.things, *self.stuff})[:5]} ... {largest}. "
                "Map the classes to these ids, or choose the protocol of yours"
            )
        return places


def _scannet200() -> ClassTable:
    """On disk chair is 2 and floor is 3; our list has them after the swap."""
    names = dict(zip(SCANNET200_IDS, SCANNET200_CLASSES))
    names[2], names[3] = names[3], names[2]
    return _split(names, THING_IDS["id"])


def _split(names: dict[int, str], things: frozenset[int]) -> ClassTable:
    return ClassTable(
        {key: name for key, name in names.items() if key in things},
        {key: name for key, name in names.items() if key not in things},
    )


TABLES = {
    "scannet20": _split(
        dict(zip(SCANNET20_IDS, SCANNET20_CLASSES)), THING_IDS["nyu40id"]
    ),
    "scannet200": _scannet200(),
}
