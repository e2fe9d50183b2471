"""A camera in a room: its path, and the views that every indoor layout writes down."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from vantage3d.geometry import invert_rigid, look_at, scale_intrinsics
from vantage3d.synthetic.render.raycast import cast
from vantage3d.synthetic.render.scene import Frame, add_sensor_noise, render
from vantage3d.synthetic.render.solids import Floats
from vantage3d.synthetic.rooms.flush import make_flush_room
from vantage3d.synthetic.rooms.room import SHELL, Room, make_room

RAW_STEP = 200
CLEARANCE = 0.35
TRIALS = 400
CANDIDATES = 5
PREVIEW_SIZE = (32, 24)
PREVIEW_K = np.array([[29.0, 0.0, 15.5], [0.0, 29.0, 11.5], [0.0, 0.0, 1.0]])
UP = np.array([0.0, 0.0, 1.0])


class Stop(NamedTuple):
    """Where the camera stands and what it looks at, (3,) world metres each."""

    eye: Floats
    target: Floats


def make_trajectory(room: Room, seed: int, frames: Sequence[int]) -> list[Floats]:
    """Camera poses at raw frame numbers.

    Every 200 raw frames the camera stands at a new place and looks at things it saw
    little of before; in between it moves smoothly. It is never inside anything, nor
    within 0.35 m of it.

    Args:
        room: Where to move.
        seed: Same seed, same path, whichever frames are asked for.
        frames: Raw frame numbers >= 0.

    Returns:
        (4, 4) cam2world per frame.

    Raises:
        ValueError: If a frame number is negative or the room has no free place.
    """
    if min(frames) < 0:
        raise ValueError(f"`frames` must not be negative, got {min(frames)}.")
    rng = np.random.default_rng([seed, 1])
    seen = np.zeros(len(room.categories) + 1)
    stops = [_next_stop(room, rng, None, seen)]
    while len(stops) < (max(frames) - 1) // RAW_STEP + 2:
        stops.append(_next_stop(room, rng, stops[-1].eye, seen))
    return [_between(stops, number) for number in frames]


def _between(stops: list[Stop], number: int) -> Floats:
    """Pose at a raw frame number, eased between two stops."""
    index, rest = divmod(number, RAW_STEP)
    if rest == 0:
        return look_at(*stops[index], UP)
    t = rest / RAW_STEP
    t = t * t * (3 - 2 * t)
    first, second = stops[index], stops[index + 1]
    eye = first.eye + t * (second.eye - first.eye)
    return look_at(eye, first.target + t * (second.target - first.target), UP)


def _next_stop(
    room: Room, rng: np.random.Generator, last: Floats | None, seen: Floats
) -> Stop:
    """The best of a few free views; what it shows is added to ``seen``."""
    stops = (_random_stop(room, rng) for _ in range(TRIALS))
    free = (stop for stop in stops if _is_free(room, stop.eye, last))
    views = [(stop, *_preview(room, stop, seen)) for stop in islice(free, CANDIDATES)]
    if not views:
        raise ValueError(
            f"the room of {room.size.round(2).tolist()} m has no free camera place in "
            f"{TRIALS} trials. Use another seed."
        )
    best, shares, _ = max(views, key=lambda view: view[2])
    seen += shares
    return best


def _random_stop(room: Room, rng: np.random.Generator) -> Stop:
    """An eye at standing height and a target at a piece of furniture."""
    eye = np.append(rng.uniform(-0.5, 0.5, 2) * (room.size[:2] - 0.8), 0.0)
    eye[2] = rng.uniform(1.35, 1.85)
    chosen = room.inner[rng.integers(len(room.inner))]
    target = chosen.center + rng.uniform(-0.3, 0.3, 3)
    target[2] = np.clip(target[2], 0.3, 1.2)
    return Stop(eye, target)


def _is_free(room: Room, eye: Floats, last: Floats | None) -> bool:
    """Whether the straight way from ``last`` to ``eye`` keeps its distance."""
    way = eye[None] if last is None else np.linspace(last, eye, 33)
    solids = [room.solids[number] for number in room.near(way, CLEARANCE)]
    return not any(s.contains(s.to_local(way), CLEARANCE).any() for s in solids)


def _preview(room: Room, stop: Stop, seen: Floats) -> tuple[Floats, float]:
    """Image share per instance, and a score for new, well visible furniture.

    The score is zero when something closer than a metre hides half of the view.
    """
    if np.linalg.norm(stop.target[:2] - stop.eye[:2]) < 0.8:
        return seen * 0, 0.0
    world2cam = invert_rigid(look_at(*stop, UP))
    hits = cast(room.solids, PREVIEW_K, world2cam, PREVIEW_SIZE)
    ids = room.instances[hits.solid + 1].ravel()
    share = np.bincount(ids, minlength=len(seen)) / len(ids)
    names = ["none", *(category.name for category in room.categories)]
    wanted = np.array([name not in (*SHELL, "none") for name in names])
    gain = np.minimum(share, 0.08) * wanted * (0.3 + 0.7 / (1 + 10 * seen))
    return share, float(gain.sum()) * float(np.median(hits.depth) > 1.0)


SENSOR_SIZE = (640, 480)
SENSOR_K = np.array([[577.870605, 0, 319.5], [0, 577.870605, 239.5], [0, 0, 1]])

THEMES = {"home": make_room, "flush": make_flush_room}

Splits = dict[str, list[str]]


class Job(NamedTuple):
    """What to render of one scene."""

    seed: int  # decides the room, the camera path and the noise
    frames: Sequence[int]  # raw frame numbers
    size: tuple[int, int]  # image width and height in pixels
    theme: str = "home"  # a name in ``THEMES``


class View(NamedTuple):
    """One frame of a job."""

    number: int  # raw frame number
    cam2world: Floats  # (4, 4) in the room's frame
    frame: Frame  # the images; colour with sensor noise


def sensor_intrinsics(size: tuple[int, int]) -> Floats:
    """(3, 3) intrinsics of ScanNet's 640 x 480 sensor resized to ``size``."""
    width, height = size
    return scale_intrinsics(SENSOR_K, width / SENSOR_SIZE[0], height / SENSOR_SIZE[1])


class ColorSensor(NamedTuple):
    """A colour camera of its own beside the depth camera."""

    size: tuple[int, int]  # image width and height in pixels
    K: Floats  # (3, 3) in pixels of its images
    depth2color: Floats  # (4, 4) from the depth to the colour camera, metres


def color_sensor(size: tuple[int, int]) -> ColorSensor:
    """A colour camera 5 cm beside a depth camera of ``size`` (W, H), and unlike it.

    It has another size, a focal length 1.2 times as long, a principal point that is off
    the middle by some percent of the image, and looks one degree aside.
    """
    own = size[0] * 5 // 4, size[1] * 5 // 4
    K = sensor_intrinsics(own)
    K[[0, 1], [0, 1]] *= 1.2
    K[:2, 2] += 0.05 * own[0], -0.04 * own[1]
    turn, moved = np.deg2rad(1.0), np.eye(4)
    moved[:3, :3] = [
        [np.cos(turn), 0, -np.sin(turn)],
        [0, 1, 0],
        [np.sin(turn), 0, np.cos(turn)],
    ]
    moved[:3, 3] = -0.05, 0.004, -0.003
    return ColorSensor(own, K, moved)


def film(job: Job, color: ColorSensor | None = None) -> tuple[Room, Iterator[View]]:
    """The room of a job, and its views one by one.

    Args:
        job: What to render.
        color: The camera of the colour images; that of the depth images without.
    """
    room, K = THEMES[job.theme](job.seed), sensor_intrinsics(job.size)

    def views() -> Iterator[View]:
        poses = make_trajectory(room, job.seed, job.frames)
        for number, cam2world in zip(job.frames, poses):
            frame = render(room, K, invert_rigid(cam2world), job.size)
            image = frame.color
            if color is not None:
                world2color = color.depth2color @ invert_rigid(cam2world)
                image = render(room, color.K, world2color, color.size).color
            noise = np.random.default_rng([job.seed, 3, number])
            image = add_sensor_noise(image, noise)
            yield View(number, cam2world, frame._replace(color=image))

    return room, views()
