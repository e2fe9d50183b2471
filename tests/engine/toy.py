"""A model, a dataset and a metric that train in milliseconds, full of randomness."""

import contextlib
import os
import random
import time
from pathlib import Path

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import nn
from torch.utils.data import Dataset

from vantage3d.process.seeding import SeededSamples
from vantage3d.registry import DATASETS, HOOKS, METRICS, MODELS


class _Noise(Dataset):
    def __init__(
        self,
        length: int,
        nan_at: int | None,
        missing: str | None,
        fatal: tuple[int, str, int] | None,
    ):
        self.metainfo = {"classes": ("a", "b"), "palette": np.eye(3)}
        self.length = length
        self.nan_at = nan_at
        self.missing = missing
        self.fatal = fatal

    def __len__(self) -> int:
        return self.length

    def get_data_info(self, index: int) -> dict:
        return {"sample_idx": f"toy_{int(index)}"}

    def __getitem__(self, index: int) -> dict:
        if self.missing is not None:
            raise FileNotFoundError(f"{self.missing} is missing")
        if self.fatal is not None and index == self.fatal[0]:
            with contextlib.suppress(FileExistsError):
                Path(self.fatal[1]).touch(exist_ok=False)
                os.kill(os.getpid(), self.fatal[2])
        noise = torch.randn(4) + random.random() + np.random.rand()
        if index == self.nan_at:
            noise[0] = float("nan")
        return {"inputs": noise + index / self.length, "index": int(index)}


@DATASETS.register_module()
class ToyDataset(SeededSamples, _Noise):
    """Every sample draws from all three generators.

    ``fatal`` is a sample that ends the process which loads it first, a file that tells
    that this has happened, and the signal.
    """

    def __init__(self, length=24, nan_at=None, missing=None, fatal=None):
        super().__init__(length, nan_at, missing, fatal)


@MODELS.register_module()
class ToyModel(BaseModel):
    """Batch norm and dropout: state and randomness beyond the weights.

    ``slow`` names an iteration whose forward pass takes ``slow[1]`` seconds.
    """

    def __init__(self, width=8, slow=None, slow_validation=0.0):
        super().__init__()
        self.slow = slow
        self.slow_validation = slow_validation
        self.calls = 0
        self.net = nn.Sequential(
            nn.Linear(4, width),
            nn.BatchNorm1d(width),
            nn.Dropout(0.5),
            nn.Linear(width, 1),
        )

    def forward(self, inputs, index, mode="tensor"):
        out = self.net(torch.stack(inputs))
        if mode != "loss":
            time.sleep(self.slow_validation)
            return list(out)
        self.calls += 1
        if self.slow is not None and self.calls == self.slow[0]:
            time.sleep(self.slow[1])
        jitter = random.random() + np.random.rand()
        return {"loss": out.square().mean() * jitter, "loss_size": out.abs().mean()}


@HOOKS.register_module()
class SlowHook(Hook):
    """Takes a minute after the weights have changed in iteration 9."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 8:
            time.sleep(60)


@METRICS.register_module()
class ToyMetric(BaseMetric):
    default_prefix = "toy"

    def process(self, data_batch, data_samples):
        self.results += [float(s) for s in data_samples]

    def compute_metrics(self, results):
        return {"score": sum(results) / len(results)}
