"""One engine in a process of its own; prints times and peak memory as JSON."""

import argparse
import gc
import json
import os
import time
import warnings

import numpy as np
import torch
from benchmarks.measuring import PeakMemory, timed

PEAK_SIZE = 3000  # of the square product that stands for the machine's peak


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["forward", "train", "count", "peak"])
    parser.add_argument("--engine", default="torch")
    parser.add_argument("--cloud", help=".npz with coordinates and features")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--save", help="write the last output here, .npy")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.task == "peak":
        result = {"gflops": peak_gflops(args.repeats)}
    else:
        result = Measurement(args).result()
    print(json.dumps(result))


def peak_gflops(repeats: int) -> float:
    """Best speed of one large single-precision matrix product, 1e9 / s."""
    a, b = torch.randn(2, PEAK_SIZE, PEAK_SIZE)
    times = [timed(lambda: a @ b)[0] for _ in range(repeats + 1)]
    return 2 * PEAK_SIZE**3 / min(times) / 1e9


class Measurement:
    """The backbone on one cloud."""

    def __init__(self, args: argparse.Namespace) -> None:
        from vantage3d.esam.models import Res16UNet34C

        torch.manual_seed(0)
        with np.load(args.cloud) as cloud:
            self.coordinates = torch.from_numpy(cloud["coordinates"])
            self.features = torch.from_numpy(cloud["features"])
        self.args = args
        self.net = Res16UNet34C(3, 96, backend=args.engine)
        self.net.train(args.task == "train")

    def result(self) -> dict[str, object]:
        """What the process prints."""
        if self.args.task == "count":
            return {"gflop": count_gflop(self)}
        gc.collect()
        memory = PeakMemory()
        self.step()  # the first step also loads code and makes buffers
        others_s = -other_processes_s()
        times = [timed(self.step)[0] for _ in range(self.args.repeats)]
        others_s += other_processes_s()
        peak_mb = memory.peak_mb()
        if self.args.save:
            np.save(self.args.save, self.forward().features.detach().numpy())
        return {
            "times": times,
            "idle_mb": memory.idle_mb,
            "peak_mb": peak_mb,
            "others": others_s / (sum(times) * (os.cpu_count() or 1)),
        }

    def forward(self):
        """Output of the network, from bare coordinates: maps are made anew."""
        return self.net(self.net.engine.tensor(self.features, self.coordinates))

    def step(self) -> None:
        """One forward pass without gradients, or one whole training step."""
        if self.args.task != "train":
            with torch.no_grad():
                self.forward()
            return
        self.forward().features.square().mean().backward()
        self.net.zero_grad()


def count_gflop(run: Measurement) -> float:
    """Multiplications and additions of all convolutions that a forward pass needs."""
    from vantage3d.sparse.layers import Conv, ConvTranspose
    from vantage3d.sparse.plans import get_plan

    total = 0

    def note(layer, inputs, output):
        nonlocal total
        source = inputs[0].level
        if layer.kernel.ndim == 2:
            pairs = len(source)
        else:
            inverse = isinstance(layer, ConvTranspose)
            plan = get_plan(source, output.level, layer.shape, inverse)
            pairs = sum(len(block.gather) for block in plan.blocks)
        total += 2 * pairs * layer.in_channels * layer.out_channels

    for layer in run.net.modules():
        if isinstance(layer, Conv | ConvTranspose):
            layer.register_forward_hook(note)
    run.step()
    return total / 1e9


def other_processes_s() -> float:
    """Processor seconds that everything but this process has used so far."""
    with open("/proc/stat") as file:
        ticks = [int(value) for value in file.readline().split()[1:9]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) / os.sysconf("SC_CLK_TCK") - time.process_time()


if __name__ == "__main__":
    main()
