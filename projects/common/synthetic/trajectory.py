"""Camera paths through a room."""

import numpy as np

from projects.common.geometry import look_at
from projects.common.synthetic.room import Room
from projects.common.synthetic.solids import Floats, Solid

RAW_STEP = 200
CLEARANCE = 0.3
UP = np.array([0.0, 0.0, 1.0])


def make_trajectory(room: Room, seed: int, frames: list[int]) -> list[Floats]:
    """Camera poses at raw frame numbers.

    The camera stands at a new place and looks at another object every 200 raw
    frames, and moves smoothly in between, never closer than 0.3 m to anything.

    Args:
        room: Where to move.
        seed: Same seed, same path, whichever frames are asked for.
        frames: Raw frame numbers >= 0.

    Returns:
        (4, 4) cam2world per frame.
    """
    rng = np.random.default_rng([seed, 1])
    stops = [_stop(room, rng, None)]
    while len(stops) < max(frames) // RAW_STEP + 2:
        stops.append(_stop(room, rng, stops[-1][0]))
    return [_between(stops, number) for number in frames]


def _between(stops: list[tuple[Floats, Floats]], number: int) -> Floats:
    """Pose at a raw frame number, eased between two stops."""
    index, rest = divmod(number, RAW_STEP)
    t = rest / RAW_STEP
    t = t * t * (3 - 2 * t)
    (eye, target), (next_eye, next_target) = stops[index], stops[index + 1]
    return look_at(eye + t * (next_eye - eye), target + t * (next_target - target), UP)


def _stop(room: Room, rng: np.random.Generator, last: Floats | None) -> tuple:
    """A free place to stand and a point to look at."""
    furniture = [s for s, c in _labelled(room) if c not in ("wall", "ceiling", "floor")]
    for _ in range(1000):
        eye = np.append(rng.uniform(-0.5, 0.5, 2) * (room.size[:2] - 0.8), 0.0)
        eye[2] = rng.uniform(1.3, 1.8)
        way = [eye] if last is None else list(np.linspace(last, eye, 9)[1:])
        if not _free(room.solids, np.array(way)):
            continue
        target = furniture[rng.integers(len(furniture))].center
        target = target + rng.uniform(-0.2, 0.2, 3)
        if np.linalg.norm(target[:2] - eye[:2]) > 1.2:
            return eye, target
    raise RuntimeError("no free camera position found in 1000 trials")


def _labelled(room: Room) -> list[tuple[Solid, str]]:
    return [(s, room.categories[s.instance - 1].name) for s in room.solids]


def _free(solids: tuple[Solid, ...], points: Floats) -> bool:
    """Whether no solid is within the clearance of any point."""
    return not any(s.contains(s.to_local(points), CLEARANCE).any() for s in solids)
