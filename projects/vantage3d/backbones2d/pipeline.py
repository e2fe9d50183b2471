"""From image files to feature files: decoding, network and disk at the same time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from vantage3d.backbones2d.extractor import FeatureExtractor, Size, autocast
from vantage3d.backbones2d.feature_folder import FeatureFolder, FeatureWriter
from vantage3d.backbones2d.frames import ImageFrame, Shard
from vantage3d.io.images import read_color
from vantage3d.process.progress import track


@dataclass(frozen=True)
class ExtractOptions:
    """How to extract; nothing here changes a feature by more than rounding.

    Attributes:
        batch_size: Images read at once, and what CUDA computes at once; another number
            there changes the last bits of a feature, as ``amp`` does everywhere.
        workers: Processes that decode images; 0 for none.
        device: Where the network runs.
        amp: Mixed precision: float16 on CUDA, bfloat16 elsewhere.
        shard: Which share of the frames this process makes.
        overwrite: Make every file again, and delete those of another network.
        skip_bad: Images that cannot be read are counted and told, but no error.
    """

    batch_size: int = 8
    workers: int = 2
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    amp: bool = False
    shard: Shard = field(default_factory=Shard)
    overwrite: bool = False
    skip_bad: bool = False


class Group(NamedTuple):
    """Images of one size.

    Attributes:
        numbers: Which frames, in the order of the batch.
        images: (B, H, W, 3) uint8 RGB.
    """

    numbers: list[int]
    images: Tensor


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


def _collate(items: list[tuple[int, np.ndarray | str]]) -> tuple[list[Group], dict]:
    """Images of a batch in groups of one size, and errors by frame number."""
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
    return groups, errors


class _Pending(NamedTuple):
    """Features on their way from the device, and the images' (W, H)."""

    numbers: list[int]
    feats: Tensor  # (B, C, h, w) float16 on the CPU
    image_size: Size
    copied: torch.cuda.Event | None


class Pipeline:
    """One pass over unfinished frames; the network is a group ahead of the disk."""

    def __init__(
        self,
        extractor: FeatureExtractor,
        folder: FeatureFolder,
        options: ExtractOptions,
        frames: Sequence[ImageFrame],
    ) -> None:
        self.extractor = extractor.to(options.device)
        self.folder, self.options, self.frames = folder, options, frames
        self.bad: dict[str, str] = {}
        # What a matrix product rounds to depends on its size (which kernel, which
        # blocks), so a network always sees equally many images. One fills a CPU.
        self.at_once = options.batch_size if options.device.type == "cuda" else 1

    def run(self) -> dict[str, str]:
        """Make every file; which frames have none, and why."""
        for _ in track(self._frames_done(), len(self.frames), self.extractor.name):
            pass
        return self.bad

    def _frames_done(self) -> Iterator[int]:
        """The number of each frame that is finished."""
        options, waiting = self.options, None
        batches = DataLoader(
            _Images(self.frames),
            batch_size=options.batch_size,
            num_workers=options.workers,
            collate_fn=_collate,
            pin_memory=options.device.type == "cuda",
            prefetch_factor=4 if options.workers else None,
        )
        with FeatureWriter(self.folder, 4 * options.batch_size) as writer:
            for groups, errors in batches:
                for number, reason in errors.items():
                    self.bad[self.frames[number].idx] = reason
                    yield number
                for group in groups:
                    launched = self._launch(group)
                    yield from self._write(writer, waiting)
                    waiting = launched
            yield from self._write(writer, waiting)

    @torch.inference_mode()
    def _launch(self, group: Group) -> _Pending:
        """Start the network and the copy of its output; CUDA does not wait for them."""
        device = self.options.device
        on_device = group.images.to(device, non_blocking=True).permute(0, 3, 1, 2)
        with autocast(device, self.options.amp):
            feats = torch.cat(
                [self._features(i) for i in on_device.split(self.at_once)]
            )
        copied = None
        if device.type == "cuda":
            target = torch.empty(feats.shape, dtype=feats.dtype, pin_memory=True)
            feats = target.copy_(feats, non_blocking=True)
            copied = torch.cuda.Event()
            copied.record(torch.cuda.current_stream(device))
        _, height, width, _ = group.images.shape
        return _Pending(group.numbers, feats, (width, height), copied)

    def _features(self, images: Tensor) -> Tensor:
        """(B, C, h, w) float16 features of at most ``at_once`` images."""
        missing = self.at_once - len(images)
        filled = functional.pad(images, (0, 0, 0, 0, 0, 0, 0, missing))
        return self.extractor(filled)[: len(images)].half()

    def _write(self, writer: FeatureWriter, pending: _Pending | None) -> Iterator[int]:
        if pending is None:
            return
        if pending.copied is not None:
            pending.copied.synchronize()
        source = self.extractor.source(pending.image_size)
        for number, feats in zip(pending.numbers, pending.feats):
            writer.submit(self.frames[number], feats, source)
            yield number
