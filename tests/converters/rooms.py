"""What the rooms and drives of these tests are, and their ground truth."""

from vantage3d.synthetic.layouts.dataset import SEEDS_PER_DATASET
from vantage3d.synthetic.rooms.filming import Job, View, film

SIZE = (160, 120)
FRAMES = [0, 20, 40, 60]
SEED = 3
DRIVE = dict(frames=3, size=(352, 94), cameras=(0, 1), seed=5)


def truth(room: int) -> list[View]:
    """The views of a room as they were rendered: 0 is in train, 1 in val."""
    job = Job(SEED * SEEDS_PER_DATASET + room, tuple(FRAMES), SIZE)
    return list(film(job)[1])
