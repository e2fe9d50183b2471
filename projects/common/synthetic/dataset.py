"""Whole synthetic datasets: many rooms, several processes, one result."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2

from projects.common.synthetic import scannet


def scene_names(count: int) -> list[str]:
    """ScanNet-style names: ``scene0000_00``, ``scene0001_00``, ..."""
    return [f"scene{number:04d}_00" for number in range(count)]


def write_scannet(
    root: str | Path,
    train_rooms: int,
    val_rooms: int,
    frames: Sequence[int],
    size: tuple[int, int] = scannet.SENSOR_SIZE,
    seed: int = 0,
    workers: int = 1,
) -> Iterator[str]:
    """Write rooms in the ScanNet layout.

    Args:
        root: Output folder.
        train_rooms: Rooms in ``scannetv2_sv_train.txt``.
        val_rooms: Further rooms in ``scannetv2_sv_val.txt``.
        frames: Raw frame numbers of every room.
        size: Image width and height in pixels.
        seed: Same seed, same bytes, for any number of workers.
        workers: Processes.

    Yields:
        The name of every finished scene, in order.
    """
    root = Path(root)
    names = scene_names(train_rooms + val_rooms)
    samples = [[f"{name}_{number}" for number in frames] for name in names]
    splits = {"train": samples[:train_rooms], "val": samples[train_rooms:]}
    scannet.write_meta(root, {k: [s for r in v for s in r] for k, v in splits.items()})
    task = partial(_write_scannet_scene, root, frames, size)
    jobs = [(name, _scene_seed(seed, n)) for n, name in enumerate(names)]
    yield from _run(task, jobs, workers)


def _scene_seed(seed: int, number: int) -> int:
    return seed * 100_000 + number


def _write_scannet_scene(
    root: Path, frames: Sequence[int], size: tuple[int, int], job: tuple[str, int]
) -> str:
    name, seed = job
    scannet.write_scene(root, name, seed, frames, size)
    return name


def _run(task: Callable, jobs: list, workers: int) -> Iterator[str]:
    """Results in order, from this process or from a pool."""
    if workers == 1:
        yield from map(task, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_single_thread
    ) as pool:
        yield from pool.map(task, jobs)


def _single_thread() -> None:
    """The processes share the cores, so each uses one."""
    cv2.setNumThreads(1)
