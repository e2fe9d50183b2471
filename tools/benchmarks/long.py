"""Long sequences: chunks in one world beside a single pass, with and without loops.

Two synthetic worlds: a drive of 600 frames that never returns, and a walk through an
apartment that does. The network is the truth, disturbed as stated: within an answer
poses and scale walk off from frame to frame, whether the answer is a chunk or all
frames at once. So this shows what putting together does, not what a network knows;
`--weights` adds the figure of a trained one.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vantage3d.evaluation.pose_metrics import absolute_pose_errors, align_poses
from vantage3d.geometry import invert_rigid
from vantage3d.io.arrays import load_arrays
from vantage3d.io.atomic import atomic_write
from vantage3d.process.memory import memory_mb
from vantage3d.process.progress import track
from vantage3d.stitching.loops import SiftMatcher
from vantage3d.stitching.stitch import stitch
from vantage3d.synthetic.disturbed import Disturbance, DisturbedTruth
from vantage3d.synthetic.render.scene import render
from vantage3d.synthetic.rooms.apartment import make_apartment, walk_around
from vantage3d.synthetic.rooms.filming import sensor_intrinsics
from vantage3d.synthetic.streets import film, make_street
from vantage3d.synthetic.streets.drive import FRAME_S, SPEED, Drive, make_rig

WRONG = Disturbance(turn_deg=0.1, shift=0.001, scale=0.002, field=0.02, noise=0.01)
LOOK = (16, 12)  # of the picture that stands for what a frame looks like
BEFORE, AHEAD = 30.0, 120.0  # metres of a street that a camera sees
COLOURS = {"single pass": "#555555", "chunks": "#D55E00", "with loops": "#0072B2"}
Floats = NDArray[np.floating]


class World(NamedTuple):
    """What is filmed.

    Attributes:
        name: Of its folder.
        K: (3, 3) intrinsics.
        size: (W, H) pixels.
        cam2world: (N, 4, 4).
        shoot: Colour and depth of a frame by its number.
    """

    name: str
    K: Floats
    size: tuple[int, int]
    cam2world: Floats
    shoot: Callable[[int], tuple[NDArray[np.uint8], Floats]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--drive-frames", type=int, default=600)
    add("--tour-frames", type=int, default=320, help="of the walk, 1.2 rounds")
    add("--chunk", type=int, default=24)
    add("--overlap", type=int, default=8)
    add("--seed", type=int, default=0, help="of the worlds")
    add("--draws", type=int, default=3, help="of the disturbance; their median counts")
    add("--weights", type=Path, help="a trained VGGT whose figure is shown too")
    add("--out", type=Path, default=Path("work_dirs/demo-long"))


def run(args: argparse.Namespace) -> int:
    """Print the table, write the picture of the first draw; 1 if loops do not help."""
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    rows, panels = {}, figure.subplots(2, 2)
    for world, axes in zip((drive(args), tour(args)), panels):
        folder = args.out / world.name
        for number in track(range(len(world.cam2world)), description=world.name):
            filmed(world, folder, number)
        found = [measure(world, folder, args, n) for n in range(args.draws)]
        if args.weights is not None:
            poses = of_network(world, folder, args)
            found[0][f"network {args.weights.name}"] = compared(poses, world)
        draw(axes, world, found[0])
        rows[world.name] = {
            name: np.array([ate(one[name][1]) for one in found if name in one])
            for name in found[0]
        }
    print(f"ATE in metres, median and range of {args.draws} draws")
    for world_name, errors in rows.items():
        for name, values in errors.items():
            span = f"{values.min():.3f} to {values.max():.3f}"
            print(f"{world_name:12}{name:16}{np.median(values):8.3f}   {span}")
    print(f"peak of the process: {memory_mb('VmHWM'):.0f} MB")
    path = args.out / "drift.png"
    figure.savefig(path, dpi=110)
    print(f"picture: {path}")
    tours = rows["apartment"]
    return int(np.median(tours["with loops"]) > 0.9 * np.median(tours["chunks"]))


def drive(args: argparse.Namespace) -> World:
    """Straight along a street, eight metres a second, ten frames."""
    size, count = (176, 47), args.drive_frames
    length = SPEED * FRAME_S * count
    street, rig = make_street("suburb", args.seed, length, FRAME_S * count), make_rig()
    car = Drive(street.style.camera_height, SPEED, 0.3)
    times = FRAME_S * np.arange(count)
    poses = np.stack([car.imu2street(float(t)) @ rig.cam2imu(0) for t in times])
    K = rig.intrinsics(size)

    def shoot(number: int) -> tuple[NDArray[np.uint8], Floats]:
        at = poses[number, 0, 3]
        near = [s for s in street.solids if _is_near(s, at)]
        part = replace(street, solids=tuple(near))
        vars(part)["sun"] = street.sun  # its shadows are those of the whole street
        frame = film(part, K, poses[number], size, float(times[number]))
        return frame.color, np.where(frame.depth < AHEAD, frame.depth, 0)

    return World("drive", K, size, poses, shoot)


def _is_near(solid: Any, x: float) -> bool:
    low, high = solid.corners[:, 0].min(), solid.corners[:, 0].max()
    return high > x - BEFORE and low < x + AHEAD


def tour(args: argparse.Namespace) -> World:
    """Around the core of an apartment, and a bit further."""
    size = (160, 120)
    room, K = make_apartment(args.seed), sensor_intrinsics(size)
    poses = walk_around(args.tour_frames, 1.2)

    def shoot(number: int) -> tuple[NDArray[np.uint8], Floats]:
        frame = render(room, K, invert_rigid(poses[number]), size)
        return frame.color, frame.depth

    return World("apartment", K, size, poses, shoot)


def filmed(world: World, folder: Path, number: int) -> dict[str, Any]:
    """Colour and depth of a frame, rendered once."""
    path = folder / "frames" / f"{number:05d}.npz"
    if not path.exists():
        color, depth = world.shoot(number)
        arrays = {"color": color, "depth": depth.astype(np.float32)}
        atomic_write(path, lambda file: np.savez_compressed(file, **arrays))
    return load_arrays(path, "frame", "Delete it")


def measure(
    world: World, folder: Path, args: argparse.Namespace, draw: int
) -> dict[str, tuple[Floats, Floats]]:
    """Aligned poses and their errors in metres, by what was done."""

    @lru_cache(maxsize=64)
    def frame(number: int) -> dict[str, Any]:
        return filmed(world, folder, number)

    def look(number: int) -> Floats:
        gray = cv2.cvtColor(frame(number)["color"], cv2.COLOR_RGB2GRAY)
        small = cv2.resize(gray, LOOK, interpolation=cv2.INTER_AREA).astype(float)
        return ((small - small.mean()) / (small.std() + 1)).ravel()

    model = DisturbedTruth(
        lambda n: frame(n)["depth"].astype(np.float64),
        world.K,
        world.cam2world,
        look,
        WRONG,
        draw,
    )
    count, sizes = len(world.cam2world), (args.chunk, args.overlap)
    identity = f"{world.name} {count} {sizes} {args.seed} {draw} {WRONG}"
    chunks = folder / f"chunks_{draw}"
    matcher = SiftMatcher(lambda n: frame(n)["color"], world.size)
    poses = {"single pass": model.poses(range(count))}
    for name, finder in (("chunks", None), ("with loops", matcher)):
        found = stitch(model, count, chunks, identity, finder, *sizes)
        poses[name] = found.cam2world
        kinds = [edge.kind for edge in found.edges]
        print(
            f"{world.name}, {name}: {len(found.nodes)} chunks, {kinds.count('loop')} "
            f"loops, {kinds.count('bridge')} bridges"
        )
    return {name: compared(found, world) for name, found in poses.items()}


def compared(poses: Floats, world: World) -> tuple[Floats, Floats]:
    """Poses in the true world, and how far off each is, metres."""
    aligned = align_poses(poses, world.cam2world)
    return aligned, absolute_pose_errors(aligned, world.cam2world).translation


def of_network(world: World, folder: Path, args: argparse.Namespace) -> Floats:
    """(N, 4, 4) what a trained network says, stitched."""
    from vantage3d.vggt_lora import DepthAndPoses

    predictor = DepthAndPoses(args.weights, chunk=args.chunk, overlap=args.overlap)
    numbers = range(len(world.cam2world))
    images = (filmed(world, folder, number)["color"] for number in numbers)
    return np.stack([one.cam2world for one in predictor(images).frames])


def ate(errors: Floats) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(errors**2)))


def draw(axes: Any, world: World, errors: Mapping[str, tuple[Floats, Floats]]) -> None:
    """The ways from above, and how far off each is along it."""
    places = world.cam2world[:, :3, 3]
    way = np.linalg.norm(np.diff(places, axis=0, prepend=places[:1]), axis=1).cumsum()
    left, right = axes
    left.plot(places[:, 0], places[:, 1], color="black", lw=2.5, label="truth")
    for name, (poses, error) in errors.items():
        look = {"color": COLOURS.get(name, "#009E73"), "lw": 1.3}
        left.plot(poses[:, 0, 3], poses[:, 1, 3], **look)
        right.plot(way, error, label=f"{name}: ATE {ate(error):.2f} m", **look)
    left.set(xlabel="x, m", ylabel="y, m", title=f"{world.name}, from above")
    left.set_aspect("auto" if world.name == "drive" else "equal")
    left.legend(frameon=False)
    right.set(xlabel="way, m", ylabel="off by, m", title="drift", ylim=(0, None))
    right.grid(alpha=0.3)
    right.legend(frameon=False)
