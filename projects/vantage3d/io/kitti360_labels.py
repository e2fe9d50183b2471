"""KITTI-360's semantic classes: the ids of its label images, names and colours.

Ids, not train ids; instance images hold ``id * 1000 + instance``. There is no class for
windows: they are part of ``building``.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

INSTANCE_BASE = 1000


class Label(NamedTuple):
    """One class: its id, name and Cityscapes colour."""

    id: int
    name: str
    color: tuple[int, int, int]


LABELS = (
    Label(0, "unlabeled", (0, 0, 0)),
    Label(1, "ego vehicle", (0, 0, 0)),
    Label(2, "rectification border", (0, 0, 0)),
    Label(3, "out of roi", (0, 0, 0)),
    Label(4, "static", (0, 0, 0)),
    Label(5, "dynamic", (111, 74, 0)),
    Label(6, "ground", (81, 0, 81)),
    Label(7, "road", (128, 64, 128)),
    Label(8, "sidewalk", (244, 35, 232)),
    Label(9, "parking", (250, 170, 160)),
    Label(10, "rail track", (230, 150, 140)),
    Label(11, "building", (70, 70, 70)),
    Label(12, "wall", (102, 102, 156)),
    Label(13, "fence", (190, 153, 153)),
    Label(14, "guard rail", (180, 165, 180)),
    Label(15, "bridge", (150, 100, 100)),
    Label(16, "tunnel", (150, 120, 90)),
    Label(17, "pole", (153, 153, 153)),
    Label(18, "polegroup", (153, 153, 153)),
    Label(19, "traffic light", (250, 170, 30)),
    Label(20, "traffic sign", (220, 220, 0)),
    Label(21, "vegetation", (107, 142, 35)),
    Label(22, "terrain", (152, 251, 152)),
    Label(23, "sky", (70, 130, 180)),
    Label(24, "person", (220, 20, 60)),
    Label(25, "rider", (255, 0, 0)),
    Label(26, "car", (0, 0, 142)),
    Label(27, "truck", (0, 0, 70)),
    Label(28, "bus", (0, 60, 100)),
    Label(29, "caravan", (0, 0, 90)),
    Label(30, "trailer", (0, 0, 110)),
    Label(31, "train", (0, 80, 100)),
    Label(32, "motorcycle", (0, 0, 230)),
    Label(33, "bicycle", (119, 11, 32)),
    Label(34, "garage", (64, 128, 128)),
    Label(35, "gate", (190, 153, 153)),
    Label(36, "stop", (150, 120, 90)),
    Label(37, "smallpole", (153, 153, 153)),
    Label(38, "lamp", (0, 64, 64)),
    Label(39, "trash bin", (0, 128, 192)),
    Label(40, "vending machine", (128, 64, 0)),
    Label(41, "box", (64, 64, 128)),
    Label(42, "unknown construction", (102, 0, 0)),
    Label(43, "unknown vehicle", (51, 0, 51)),
    Label(44, "unknown object", (32, 32, 32)),
)
IDS = {label.name: label.id for label in LABELS}
# Things that move by themselves: persons to bicycles, and unknown vehicles.
DYNAMIC = (*range(IDS["person"], IDS["bicycle"] + 1), IDS["unknown vehicle"])


def palette() -> NDArray[np.uint8]:
    """(45, 3) RGB by id."""
    return np.array([label.color for label in LABELS], np.uint8)
