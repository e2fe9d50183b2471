"""Milliseconds of each stage of a stream, early and late, and the memory it takes.

A camera walks through a tower of apartments, twice around each floor, so that the map
grows to the end and half of the frames show what is known. A round has 150 frames:
those that are shown have the same images. The first one sees its floor for the first
time, the others for the second. Medians over the frames around each.
"""

import argparse
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from benchmarks.measuring import Stage, StageClock
from numpy.typing import NDArray

from vantage3d.esam import StreamSegmenter
from vantage3d.esam.converters.segmenters import SegmenterOptions
from vantage3d.geometry import invert_rigid
from vantage3d.inference import InputFrame
from vantage3d.process.machine import processor
from vantage3d.process.memory import memory_mb
from vantage3d.synthetic.render.scene import render
from vantage3d.synthetic.rooms.apartment import make_apartment, walk_around
from vantage3d.synthetic.rooms.filming import sensor_intrinsics

SIZE = (160, 120)
SHOWN = (50, 200, 500, 1100, 2000)
ROUND = 150  # frames; those that are shown are at one place of it
FLOOR = 2.8  # metres from one apartment to the next
SETTLED = 200  # frames after which memory is compared
AROUND = 20  # frames on each side of those that are shown
MOST_SLOWER, MOST_GROWTH = 1.1, 1.05


class Sizes(NamedTuple):
    """What a stream holds after a frame.

    Attributes:
        resident_mb: Memory of the process, 2^20 bytes.
        voxels: That the map has seen.
        map_mb: Bytes of the map and of its merged superpoints, 2^20.
        memory_mb: Those of an online model's memory of features.
        tracks: Instances.
    """

    resident_mb: float
    voxels: int
    map_mb: float
    memory_mb: float
    tracks: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--weights", required=True, help="a checkpoint, or the work dir of a run")
    add("--config", help="if it does not lie beside the weights")
    add("--frames", type=int, default=520)
    add("--num-points", type=int, default=2000, help="drawn of a frame")
    add(
        "--segmenter", default="geometry", help="of superpoints, the cheapest if absent"
    )
    add("--least-score", type=float, default=0.3)
    add("--device", default="cpu")


def run(args: argparse.Namespace) -> int:
    """Print both tables; 1 if late frames are slower or memory grows without reason."""
    stream = StreamSegmenter(
        args.weights,
        args.config,
        args.device,
        segmenter=SegmenterOptions(args.segmenter),
        num_points=args.num_points,
        least_score=args.least_score,
    )
    times, sizes = measure(stream, args.frames)
    shown = [number for number in SHOWN if number <= args.frames] or [args.frames]
    print(f"{processor()}, {args.frames} frames of {SIZE[0]}x{SIZE[1]}, CPU ms a frame")
    print(f"{'frame':20s}" + "".join(f"{number:10d}" for number in shown))
    whole = sum(times.values())
    without = whole - times["superpoints"]
    rows = {**times, "whole frame": whole, "without superpoints": without}
    late = {}
    for name, values in rows.items():
        ms = [1e3 * np.median(around(values, number)) for number in shown]
        late[name] = ms[-1] / ms[0]
        print(f"{name:20s}" + "".join(f"{one:10.1f}" for one in ms))
    for name in Sizes._fields:
        values = [getattr(sizes[number - 1], name) for number in shown]
        print(f"{name:20s}" + "".join(f"{one:10.1f}" for one in values))
    return judged(late, sizes)


def judged(late: dict[str, float], sizes: list[Sizes]) -> int:
    """Say what the bounds are and whether they are kept."""
    last, first = sizes[-1], sizes[min(SETTLED, len(sizes)) - 1]
    slower = late["without superpoints"]
    print(f"last against first, without superpoints: {slower:.2f} of {MOST_SLOWER}")
    own = last.map_mb + last.memory_mb - first.map_mb - first.memory_mb
    growth = (last.resident_mb - own) / first.resident_mb
    print(
        f"resident memory without map since frame {SETTLED}: {growth:.3f} of "
        f"{MOST_GROWTH}"
    )
    if new := last.voxels - first.voxels:
        for name in ("map_mb", "memory_mb"):
            size = 2**20 * (getattr(last, name) - getattr(first, name)) / new
            print(f"{name.removesuffix('_mb')}: {size:.1f} bytes for a new voxel")
    return int(slower > MOST_SLOWER or growth > MOST_GROWTH)


def measure(
    stream: StreamSegmenter, number: int
) -> tuple[dict[str, NDArray[np.float64]], list[Sizes]]:
    """(number,) seconds of the processor by stage, and what was held after each."""
    online = stream.memory is not None
    stages = {
        "superpoints": Stage("_view"),
        "points drawn": Stage("_draw"),
        **({"memory": Stage("model.memory.forward")} if online else {}),
        "network": Stage(
            "model.step" if online else "model.predict", ("memory",) * online
        ),
        "ids and map": Stage("_tracked"),
        "masks of pixels": Stage("_prediction"),
    }
    stages["the rest"] = Stage("_step", tuple(stages))
    clock = StageClock(stream, stages)
    times: dict[str, list[float]] = {name: [] for name in stages}
    sizes = []
    for frame in tower(number):
        for name, (_, cpu) in clock.spent(stream._step, frame).items():
            times[name].append(cpu)
        sizes.append(held(stream))
    return {name: np.array(values) for name, values in times.items()}, sizes


def tower(number: int) -> Iterator[InputFrame]:
    """The walk: each floor is walked around twice."""
    room, K, poses = make_apartment(0), sensor_intrinsics(SIZE), walk_around(ROUND)

    @lru_cache(ROUND)
    def shot(place: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        frame = render(room, K, invert_rigid(poses[place]), SIZE)
        return frame.color, frame.depth.astype(np.float32)

    for place in range(number):
        color, depth = shot(place % ROUND)
        pose = poses[place % ROUND].copy()
        pose[2, 3] += FLOOR * (place // (2 * ROUND))
        more = {"cam2world": pose, "timestamp": place / 10}
        yield InputFrame(f"{place:06d}", color, K, depth, **more)


def around(values: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """Those of the frames around one, which is counted from 1."""
    return values[max(0, number - AROUND) : number + AROUND]


def held(stream: StreamSegmenter) -> Sizes:
    """What the process and the stream hold now."""
    of_map = stream.map.nbytes + stream.superpoints.nbytes
    levels = [] if stream.memory is None else stream.memory.known
    of_memory = sum(
        array.nbytes
        for level in levels
        if level is not None
        for array in (level.features, level.coordinates)
    )
    megabytes = of_map / 2**20, of_memory / 2**20
    return Sizes(memory_mb("VmRSS"), len(stream.map), *megabytes, len(stream.tracks))
