"""What the subjects share: seconds, memory, processes of their own, a recorded view."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

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
    """Largest memory from now on, of the process or of torch on a GPU, in 2^20 bytes.

    Attributes:
        idle_mb: Memory at the beginning.
    """

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self._cuda = torch.device(device).type == "cuda"
        if self._cuda:
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


def run_script(name: str, task: str, **options: object) -> dict:
    """The JSON line that ends the output of a script beside this file."""
    command = [sys.executable, str(Path(__file__).with_name(name)), task]
    for option, value in options.items():
        command += [f"--{option}", str(value)]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "projects"), str(TOOLS)]),
        # Freed memory goes back at once, so the peak is that of what is in use.
        **({"MALLOC_MMAP_THRESHOLD_": "65536"} if name.startswith("vggt") else {}),
    }
    done = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def recorded_depth(path: Path) -> np.ndarray:
    """(H, W) metres of a millimetre image of 7-Scenes, 0 where missing."""
    depth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) / 1000.0
    depth[depth > 60] = 0
    return depth
