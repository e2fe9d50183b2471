"""Speed and memory of one model, alone in a process of its own.

``python -m vantage3d.vggt_lora.evaluation.runs.timing JSON`` is that process. Adapters
are merged first: that is how a model is used. Passes before the first timed one warm
up, every timed one is synchronised, and the peak counts from the end of the warm-up.
"""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from vantage3d.checks import check_positive
from vantage3d.engine.configs.config import load_config
from vantage3d.process.memory import memory_mb, reset_peak
from vantage3d.vggt_lora.evaluation.runs.models import EvaluatedModel, ModelFactory

WARM_UP = 3
ENDING = "timing: "  # begins the line that the process prints


@dataclass(frozen=True)
class TimingTask:
    """What the process is told; ``size`` is (frames, height, width) of the images."""

    config: str
    options: dict[str, Any]
    model: EvaluatedModel
    size: tuple[int, int, int]
    device: str
    bf16: bool
    repeats: int
    threads: int

    def __post_init__(self) -> None:
        check_positive("repeats", self.repeats)


def time_alone(task: TimingTask) -> dict[str, float]:
    """Run a task in a new process.

    Returns:
        See :func:`measure`.

    Raises:
        RuntimeError: If the process fails, with the end of its output.
    """
    command = [sys.executable, "-m", __name__, json.dumps(asdict(task))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        end = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise RuntimeError(
            f"timing of {task.model.name} failed with exit code {done.returncode}: "
            f"{end}\nMend it, or evaluate with --repeats 0 to leave timing out"
        )
    lines = [x for x in done.stdout.splitlines() if x.startswith(ENDING)]
    return json.loads(lines[-1].removeprefix(ENDING))


def measure(task: TimingTask) -> dict[str, float]:
    """Time the model in this process.

    Returns:
        ``fps`` (frames per second), ``latency_sec`` (mean of a window),
        ``latency_p50_ms``, ``latency_p95_ms``, ``ram_mb`` (peak of the process, with
        the weights if they are there) and, on CUDA, ``vram_mb`` (peak of torch's
        allocations, with the weights).
    """
    torch.set_num_threads(task.threads)
    device = torch.device(task.device)
    cfg = load_config(task.config, task.options)
    net = ModelFactory(cfg, task.bf16).build(task.model, merge=True).to(device)
    frames, height, width = task.size
    images = torch.rand(1, frames, 3, height, width, device=device)
    on_gpu = device.type == "cuda"
    times = []
    with torch.inference_mode():
        for number in range(WARM_UP + task.repeats):
            if number == WARM_UP:
                reset_peak()
                if on_gpu:
                    torch.cuda.synchronize(device)
                    torch.cuda.reset_peak_memory_stats(device)
            start = time.perf_counter()
            net({"images": images}, mode="predict")
            if on_gpu:
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - start)
    seconds = np.array(times[WARM_UP:])
    found = {
        "fps": float(frames / seconds.mean()),
        "latency_sec": float(seconds.mean()),
        "latency_p50_ms": float(np.quantile(seconds, 0.50) * 1e3),
        "latency_p95_ms": float(np.quantile(seconds, 0.95) * 1e3),
        "ram_mb": memory_mb("VmHWM"),
    }
    if on_gpu:
        found["vram_mb"] = torch.cuda.max_memory_allocated(device) / 2**20
    return found


def main() -> None:
    """Measure what the command line says, and print it as JSON."""
    content = json.loads(sys.argv[1])
    content["model"] = EvaluatedModel(**content["model"])
    content["size"] = tuple(content["size"])
    sys.stdout.write(ENDING + json.dumps(measure(TimingTask(**content))) + "\n")


if __name__ == "__main__":
    main()
