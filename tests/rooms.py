"""What the rooms of these tests are, and their ground truth."""

import numpy as np

from vantage3d.geometry import invert_rigid
from vantage3d.synthetic.layouts.dataset import SEEDS_PER_DATASET
from vantage3d.synthetic.rooms.filming import Job, View, film

SIZE = (160, 120)
# How DELTAS' configs read frames.
DELTAS = dict(frames=3, crop="centre", resampling="surface")
SEED = 5
COUNTS = {  # rooms in train and val
    "scannet": (2, 1),
    "scannet_sens": (2, 0),
    "sun3d": (1, 0),
    "rgbd_folder": (1, 1),
    "rgbd_two_cameras": (1, 1),
}
FRAMES = {
    "scannet": [0, 20, 40, 60, 80, 100],
    "scannet_sens": [0, 20, 40],
    "sun3d": [0, 4, 8, 12, 16, 20],
    "rgbd_folder": [0, 20, 40],
    "rgbd_two_cameras": [0, 20, 40],
}


def truth(layout: str, room: int) -> list[View]:
    """The views of a room as they were rendered."""
    job = Job(SEED * SEEDS_PER_DATASET + room, tuple(FRAMES[layout]), SIZE)
    return list(film(job)[1])


def relative(views: list[View]) -> list[np.ndarray]:
    """(4, 4) cam2world of every view in the camera of the first."""
    first = invert_rigid(views[0].cam2world)
    return [first @ view.cam2world for view in views]
