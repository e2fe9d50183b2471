"""Pictures of samples, of both kinds."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from PIL import Image

from tests.esam.models.scenes import frame
from vantage3d.registry import DATASETS
from vantage3d.visualization.samples import draw_samples


@DATASETS.register_module()
class ThreeSamples(BaseDataset):
    """Frames, views, or what cannot be drawn."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(pipeline=[])

    def load_data_list(self) -> list[dict]:
        return [{"n": n} for n in range(3)]

    def __getitem__(self, idx: int) -> dict:
        if self.kind == "frame":
            points, sample = frame(idx, 300)
            return {"inputs": {"points": points}, "data_samples": sample}
        if self.kind == "views":
            depth = torch.ones(2, 6, 8) * (idx + 1)
            return {"inputs": {"images": torch.rand(2, 3, 6, 8), "depth": depth}}
        return {"inputs": {"text": 1}}


def config(kind: str) -> Config:
    loader = {"dataset": {"type": "ThreeSamples", "kind": kind}}
    return Config({"train_dataloader": loader})


@pytest.mark.parametrize("kind", ["frame", "views"])
def test_evenly_spaced_samples_are_drawn(kind, tmp_path):
    paths = list(draw_samples(config(kind), "train", 2, tmp_path))
    assert [path.name for path in paths] == ["train_0.png", "train_2.png"]
    pictures = [np.asarray(Image.open(path)) for path in paths]
    assert all(picture.std() > 5 for picture in pictures)
    assert not np.array_equal(*pictures)


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ValueError, match="has no val_dataloader"):
        list(draw_samples(config("frame"), "val", 2, tmp_path))
    with pytest.raises(ValueError, match=r"samples.*must be .*, got 0"):
        list(draw_samples(config("frame"), "train", 0, tmp_path))
    with pytest.raises(ValueError, match=r"samples with \['text'\] cannot be drawn"):
        list(draw_samples(config("text"), "train", 1, tmp_path))
