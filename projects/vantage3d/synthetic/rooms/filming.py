"""One room through one camera: what every indoor layout writes down."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vantage3d.geometry import invert_rigid, scale_intrinsics
from vantage3d.synthetic.render.scene import Frame, add_sensor_noise, render
from vantage3d.synthetic.render.solids import Floats
from vantage3d.synthetic.rooms.flush import make_flush_room
from vantage3d.synthetic.rooms.room import Room, make_room
from vantage3d.synthetic.rooms.trajectory import make_trajectory

SENSOR_SIZE = (640, 480)
SENSOR_K = np.array([[577.870605, 0, 319.5], [0, 577.870605, 239.5], [0, 0, 1]])

THEMES = {"home": make_room, "flush": make_flush_room}

Splits = dict[str, list[str]]


class Job(NamedTuple):
    """What to render of one scene.

    Attributes:
        seed: Decides the room, the camera path and the noise.
        frames: Raw frame numbers.
        size: Image width and height in pixels.
        theme: A name in ``THEMES``.
    """

    seed: int
    frames: Sequence[int]
    size: tuple[int, int]
    theme: str = "home"


class View(NamedTuple):
    """One frame of a job.

    Attributes:
        number: Raw frame number.
        cam2world: (4, 4) in the room's frame.
        frame: The images; colour with sensor noise.
    """

    number: int
    cam2world: Floats
    frame: Frame


def sensor_intrinsics(size: tuple[int, int]) -> Floats:
    """(3, 3) intrinsics of ScanNet's 640 x 480 sensor resized to ``size``."""
    width, height = size
    return scale_intrinsics(SENSOR_K, width / SENSOR_SIZE[0], height / SENSOR_SIZE[1])


def film(job: Job) -> tuple[Room, Iterator[View]]:
    """The room of a job, and its views one by one."""
    room = THEMES[job.theme](job.seed)
    return room, _views(job, room)


def _views(job: Job, room: Room) -> Iterator[View]:
    K, poses = sensor_intrinsics(job.size), make_trajectory(room, job.seed, job.frames)
    for number, cam2world in zip(job.frames, poses):
        frame = render(room, K, invert_rigid(cam2world), job.size)
        noise = np.random.default_rng([job.seed, 3, number])
        frame = frame._replace(color=add_sensor_noise(frame.color, noise))
        yield View(number, cam2world, frame)
