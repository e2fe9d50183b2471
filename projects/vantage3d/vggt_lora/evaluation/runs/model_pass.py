"""One model over all windows, and a few frames of it to look at."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vantage3d.evaluation.results.records import MeasuredWindow, RecordFile
from vantage3d.evaluation.windows.contracts import (
    MetricOptions,
    WindowPrediction,
    WindowTruth,
)
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.process.progress import track
from vantage3d.vggt_lora.evaluation.runs.examples import Example, write_examples
from vantage3d.vggt_lora.evaluation.runs.window_loader import (
    REASON,
    WindowDataset,
    load_samples,
)

EXAMPLES = 4
Sample = Mapping[str, Any]


class ModelPass:
    """Measures one network; its network is built when the first window needs it.

    Args:
        build: Gives the network, on its device.
        device: Of the network.
        samples: The windows.
        options: What is measured.
        workers: Processes that read data.
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        device: str,
        samples: WindowDataset,
        options: MetricOptions,
        workers: int,
    ) -> None:
        self.build, self.device = build, torch.device(device)
        self.samples, self.options, self.workers = samples, options, workers

    def run(self, file: RecordFile, title: str) -> list[MeasuredWindow]:
        """Measure what ``file`` lacks.

        Args:
            file: What an interrupted run has measured; gets the rest.
            title: Of the progress line.

        Returns:
            All windows in their order.
        """
        windows, indices = self.samples.windows, self.samples.indices
        left = [i for i, w in enumerate(windows) if w.id not in file.known]
        if left:
            net = self.build()
            rest = WindowDataset(
                self.samples.dataset,
                [windows[i] for i in left],
                [indices[i] for i in left],
            )
            for record in track(self._measured(net, rest), len(left), title):
                file.add(record)
        return [file.known[window.id] for window in windows]

    def examples(self, usable: list[int], path: Path) -> None:
        """Write the middle frames of windows that are spread over ``usable``."""
        number = min(EXAMPLES, len(usable))
        places = np.linspace(0, len(usable) - 1, number).astype(int)
        net = self.build()
        found = []
        for place in places:
            sample = self.samples[usable[place]]
            middle = len(sample["ids"]) // 2
            found.append(Example.of(*self._both(net, sample), middle, self.options))
        write_examples(path, found)

    def _measured(
        self, net: nn.Module, rest: WindowDataset
    ) -> Iterator[MeasuredWindow]:
        start = time.perf_counter()
        for sample in load_samples(rest, self.workers):
            name = rest.windows[int(sample["window"])].id
            if REASON in sample:
                record = MeasuredWindow(name, skipped=sample[REASON])
            else:
                found = measure_window(*self._both(net, sample), self.options)
                seconds = time.perf_counter() - start
                record = MeasuredWindow(name, found.frames, found.window, seconds)
            yield record
            start = time.perf_counter()

    def _both(
        self, net: nn.Module, sample: Sample
    ) -> tuple[WindowPrediction, WindowTruth]:
        images = sample["images"][None].to(self.device)
        with torch.inference_mode():
            outputs = net({"images": images}, mode="predict")[0]
        return WindowPrediction.from_outputs(outputs), WindowTruth.from_sample(sample)
