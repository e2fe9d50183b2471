"""Images in batches of one size, decoded by worker processes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vantage3d.backbones2d.extractor import Size
from vantage3d.backbones2d.frames import ImageFrame
from vantage3d.io.images import read_color


class Group(NamedTuple):
    """Images of one size.

    Attributes:
        numbers: Which frames, in the order of the batch.
        images: (B, H, W, 3) uint8 RGB.
    """

    numbers: list[int]
    images: Tensor

    @property
    def image_size(self) -> Size:
        """(W, H)."""
        return self.images.shape[2], self.images.shape[1]


class Batch(NamedTuple):
    """What became of a batch of frames: images, and errors by frame number."""

    groups: list[Group]
    errors: dict[int, str]


@dataclass(frozen=True)
class _Images(Dataset):
    frames: Sequence[ImageFrame]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: int) -> tuple[int, np.ndarray | str]:
        try:
            return number, read_color(self.frames[number].path)
        except (OSError, ValueError) as error:
            return number, str(error)


def _collate(items: list[tuple[int, np.ndarray | str]]) -> Batch:
    by_size: dict[tuple, list[tuple[int, np.ndarray]]] = {}
    errors = {}
    for number, image in items:
        if isinstance(image, str):
            errors[number] = image
        else:
            by_size.setdefault(image.shape, []).append((number, image))
    groups = [
        Group([n for n, _ in part], torch.from_numpy(np.stack([i for _, i in part])))
        for part in by_size.values()
    ]
    return Batch(groups, errors)


def load_batches(
    frames: Sequence[ImageFrame], batch_size: int, workers: int, pin: bool
) -> Iterator[Batch]:
    """Every frame once, in order, ``batch_size`` at a time.

    Args:
        frames: What to read.
        batch_size: Frames per batch; images of different sizes form groups in it.
        workers: Processes that decode; 0 for none.
        pin: Page-locked memory, for copies to CUDA.
    """
    yield from DataLoader(
        _Images(frames),
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=pin,
        prefetch_factor=4 if workers else None,
    )
