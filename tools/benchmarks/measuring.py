"""What the subjects share: seconds, memory, processes of their own, a recorded view."""

import multiprocessing
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vantage3d.process.memory import memory_mb, reset_peak

TOOLS = Path(__file__).resolve().parents[1]
ROOT = TOOLS.parent
DATA = ROOT.parent / "shared" / "data"  # recordings, where they are present
RECORDING = "sevenscenes_tsdf"


def timed(work: Callable[[], Any], device: str | torch.device = "cpu") -> tuple:
    """Seconds of a call, with what a GPU still does after it, and what it gave."""
    cuda = torch.device(device).type == "cuda"
    if cuda:
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    result = work()
    if cuda:
        torch.cuda.synchronize(device)
    return time.perf_counter() - start, result


class PeakMemory:
    """Largest memory from now on, of the process or of torch on a GPU, 2^20 bytes."""

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self._cuda = torch.device(device).type == "cuda"
        if self._cuda:  # ``idle_mb`` is the memory at the beginning
            self.idle_mb = torch.cuda.memory_allocated() / 2**20
            torch.cuda.reset_peak_memory_stats()
        else:
            self.idle_mb = memory_mb("VmRSS")
            reset_peak()

    def peak_mb(self) -> float:
        """The largest so far, what was there at the beginning included."""
        if self._cuda:
            return torch.cuda.max_memory_allocated() / 2**20
        return memory_mb("VmHWM")


class Stage(NamedTuple):
    """A row of a table of times.

    Attributes:
        method: Its path from the object that is measured.
        holds: The stages that run inside it, whose time is not its own.
    """

    method: str
    holds: tuple[str, ...] = ()


class StageClock:
    """Seconds of methods of an object, which it times from now on.

    Args:
        owner: The object.
        stages: By name; those that run inside others come before them.
    """

    def __init__(self, owner: Any, stages: Mapping[str, Stage]) -> None:
        self._stages = stages
        self._spent = {name: np.zeros(2) for name in stages}
        for name, stage in stages.items():
            *path, method = stage.method.split(".")
            holder = reduce(getattr, path, owner)
            timed = _clocked(getattr(holder, method), self._spent[name])
            setattr(holder, method, timed)

    def spent(self, work: Callable, *args: Any) -> dict[str, NDArray[np.float64]]:
        """(2,) seconds of the clock and of the processor, by stage, during a call.

        The processor's are those of all threads; a stage's own, without what it holds.
        """
        for total in self._spent.values():
            total[:] = 0
        work(*args)
        own: dict[str, NDArray[np.float64]] = {}
        for name, stage in self._stages.items():
            inside = sum(own[held] for held in stage.holds)
            own[name] = self._spent[name] - inside
        return own


def _clocked(work: Callable, total: NDArray[np.float64]) -> Callable:
    """``work``, whose seconds are added to ``total``, (2,)."""

    def clocked(*args: Any, **options: Any) -> Any:
        total[:] -= time.perf_counter(), time.process_time()
        result = work(*args, **options)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        total[:] += time.perf_counter(), time.process_time()
        return result

    return clocked


def apart(work: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What a call gives in a process of its own, which has used no memory before."""
    context = multiprocessing.get_context("spawn")
    quiet = dict(initializer=warnings.simplefilter, initargs=("ignore",))
    with ProcessPoolExecutor(1, context, **quiet) as pool:
        return pool.submit(work, *args, **options).result()


def cameras_side_by_side(samples: int, count: int, height: int, width: int) -> dict:
    """Random images (B, V, 3, H, W), K and cam2world; cameras are 10 cm apart."""
    K = torch.tensor(
        [[0.9 * width, 0, width / 2], [0, 0.9 * width, height / 2], [0, 0, 1]]
    )
    cam2world = torch.eye(4).repeat(samples, count, 1, 1)
    cam2world[..., 0, 3] = 0.1 * torch.arange(count)
    return {
        "images": torch.rand(samples, count, 3, height, width),
        "K": K.repeat(samples, count, 1, 1),
        "cam2world": cam2world,
    }


def recorded_depth(path: Path) -> np.ndarray:
    """(H, W) metres of a millimetre image of 7-Scenes, 0 where missing."""
    depth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) / 1000.0
    depth[depth > 60] = 0
    return depth
