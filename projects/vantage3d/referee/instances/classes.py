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

NYU40, RAW_IDS = 40, 1357  # largest ids of the columns in ScanNet's table of labels


class ClassTable(NamedTuple):
    """Classes by the id that stands in files.

    Attributes:
        things: Names of classes that have instances, by id, in the order of AP.
        stuff: Names of those that have none.
        largest: Largest id that files of this numbering have: they know more classes.
    """

    things: Mapping[int, str]
    stuff: Mapping[int, str]
    largest: int

    @property
    def names(self) -> list[str]:
        """Of the things."""
        return list(self.things.values())

    def places(self, ids: NDArray[np.integer], what: str) -> NDArray[np.int64]:
        """(N,) places among the things, -1 for all other classes and for none.

        Raises:
            ValueError: If an id is none of this numbering.
        """
        ids = np.asarray(ids)
        wrong = (ids < -1) | (ids > self.largest)
        if wrong.any():
            raise ValueError(
                f"{what}: {np.unique(ids[wrong])[:5].tolist()} are no ids of the "
                f"protocol's classes, which are numbered up to {self.largest}, 0 or -1 "
                "for none. Map the classes to these ids, or choose the protocol of "
                "yours"
            )
        lookup = np.full(self.largest + 2, -1)  # the last one is that of -1
        lookup[list(self.things)] = np.arange(len(self.things))
        return lookup[ids]


def _scannet200() -> ClassTable:
    """On disk chair is 2 and floor is 3; our list has them after the swap."""
    names = dict(zip(SCANNET200_IDS, SCANNET200_CLASSES))
    names[2], names[3] = names[3], names[2]
    return _split(names, THING_IDS["id"], RAW_IDS)


def _split(names: dict[int, str], things: frozenset[int], largest: int) -> ClassTable:
    return ClassTable(
        {key: name for key, name in names.items() if key in things},
        {key: name for key, name in names.items() if key not in things},
        largest,
    )


TABLES = {
    "scannet20": _split(
        dict(zip(SCANNET20_IDS, SCANNET20_CLASSES)), THING_IDS["nyu40id"], NYU40
    ),
    "scannet200": _scannet200(),
}
