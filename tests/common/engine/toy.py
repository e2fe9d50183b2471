"""A model, a dataset and a metric that train in milliseconds."""

import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from torch import nn
from torch.utils.data import Dataset

from projects.registry import DATASETS, METRICS, MODELS


@DATASETS.register_module()
class ToyDataset(Dataset):
    METAINFO = {"classes": ("a", "b")}

    def __init__(self, length: int = 12):
        self.length = length
        self.metainfo = dict(self.METAINFO)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict:
        return {
            "inputs": torch.full((4,), float(index)) / self.length,
            "index": int(index),
        }


@MODELS.register_module()
class ToyModel(BaseModel):
    def __init__(self, width: int = 8):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(4, width),
            nn.BatchNorm1d(width),
            nn.Dropout(0.5),
            nn.Linear(width, 1),
        )

    def forward(self, inputs, index, mode="tensor"):
        out = self.net(torch.stack(inputs))
        if mode == "loss":
            return {"loss": out.square().mean()}
        return list(out)


@METRICS.register_module()
class ToyMetric(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += [float(s) for s in data_samples]

    def compute_metrics(self, results):
        return {"score": sum(results) / len(results)}
