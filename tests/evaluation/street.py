"""A few frames of a synthetic street: exact depth, labels, instances, cameras."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from vantage3d.synthetic.streets import film, make_street
from vantage3d.synthetic.streets.drive import SPEED, Drive, make_rig

SIZE = (168, 56)
FRAMES = 4
STEP_S = 0.1


class StreetViews(NamedTuple):
    """V frames: images (V, 3, H, W) in 0..1, depth (V, H, W) metres, 0 in the sky,
    instance (V, H, W) ``label * 1000 + number``, cam2world (V, 4, 4), K (3, 3)."""

    images: np.ndarray
    depth: np.ndarray
    instance: np.ndarray
    cam2world: np.ndarray
    K: np.ndarray

    @property
    def semantics(self) -> np.ndarray:
        return self.instance // 1000


@lru_cache(maxsize=1)
def street_views() -> StreetViews:
    K = np.array([[112.5, 0, 83.3], [0, 112.5, 30.2], [0, 0, 1]])
    rig, drive = make_rig(), Drive(1.55, SPEED, 1.0)
    street = make_street("suburb", 1, 24.0, 3.0)
    shots = []
    for i in range(FRAMES):
        pose = drive.imu2street(i * STEP_S) @ rig.cam2imu(0)
        frame = film(street, K, pose, SIZE, i * STEP_S)
        color = frame.color.transpose(2, 0, 1) / 255
        shots.append((color, frame.depth, frame.instance, pose))
    return StreetViews(*(np.stack(field) for field in zip(*shots)), K)
