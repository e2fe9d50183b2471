"""Does a config's way from images to points work? Forward passes only, no training."""

import time
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import set_random_seed
from torch import nn

from vantage3d.engine.checkpoints.file import read_checkpoint
from vantage3d.engine.checkpoints.weights import load_weights
from vantage3d.esam.fusion_check.fusion_sample import SampleCheck, measure
from vantage3d.esam.fusion_check.fusion_stages import traced
from vantage3d.registry import DATASETS, MODELS
from vantage3d.visualization.drawn_batches import evenly_spaced


@dataclass
class FusionCheck:
    """All samples, and those that could not be run.

    Attributes:
        samples: What ran.
        errors: ``split index: message`` of what did not.
    """

    samples: list[SampleCheck]
    errors: list[str]

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong."""
        return self.errors + [text for s in self.samples for text in s.problems]


def check_fusion(cfg: Config, samples: int, checkpoint: str | None) -> FusionCheck:
    """Run samples of the train and the test set through a config's model.

    Args:
        cfg: With ``model.image_features``, ``train_dataloader`` and
            ``test_dataloader``.
        samples: Of each set, evenly spread over it.
        checkpoint: Weights; None for the seeded initial ones.

    Raises:
        ValueError: If ``samples`` is not positive or the config uses no images.
    """
    if samples < 1:
        raise ValueError(f"`samples` must be at least 1, got {samples}.")
    if not cfg.model.get("image_features"):
        raise ValueError(
            f"config {cfg.filename} has no `model.image_features`: there is no fusion "
            "to check. Give one of the configs with image features"
        )
    set_random_seed(0)
    model = MODELS.build(cfg.model).eval()
    if checkpoint is not None:
        load_weights(model, read_checkpoint(checkpoint), checkpoint)
    result = FusionCheck([], [])
    # A model that images only taught is tested without them.
    taught = model.fusion is None and not model.backbone.injects
    for split in ("train",) if taught else ("train", "test"):
        dataset = DATASETS.build(cfg[f"{split}_dataloader"].dataset)
        for row in evenly_spaced(len(dataset), samples):
            try:
                result.samples.append(_check_sample(model, dataset, row, split))
            except (ValueError, OSError) as error:
                result.errors.append(f"{split} sample {row}: {error}")
    return result


def _check_sample(model: nn.Module, dataset: Any, row: int, split: str) -> SampleCheck:
    start = time.perf_counter()
    item = dataset[row]
    load_s = time.perf_counter() - start
    if item is None:
        raise ValueError("the dataset refused it")
    batch = model.data_preprocessor(pseudo_collate([item]), False)
    with torch.no_grad(), traced(model) as trace:
        model(**batch, mode="tensor")
        if trace.images is None:  # only the losses of this config read images
            model.image_features(batch["inputs"], batch["data_samples"])
    return measure(batch, trace, split, load_s)
