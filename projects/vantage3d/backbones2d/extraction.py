"""Features of every image of a recording, on disk: batched, resumable, sharded.

Decoding, network and disk work at the same time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from vantage3d.backbones2d.files import (
    FeatureFolder,
    FeatureWriter,
    ImageFrame,
    check_space,
    file_bytes,
    gigabytes,
)
from vantage3d.backbones2d.networks import FeatureExtractor, Size, autocast
from vantage3d.io.images import read_color, read_size
from vantage3d.process.progress import track
from vantage3d.process.shards import Shard


@dataclass(frozen=True)
class ExtractOptions:
    """How to extract; nothing here changes a feature by more than rounding.

    ``batch_size`` changes the last bits of a feature on CUDA, ``amp`` everywhere.
    """

    batch_size: int = 8  # images read at once, and what CUDA computes at once
    workers: int = 2  # processes that decode images; 0 for none
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    amp: bool = False  # mixed precision: float16 on CUDA, bfloat16 elsewhere
    shard: Shard = field(default_factory=Shard)  # the frames that this process makes
    overwrite: bool = False  # make every file again, delete those of another network
    skip_bad: bool = False  # images that cannot be read are told, but are no error


class Extracted(NamedTuple):
    """How many files were there before and are new, and why frames have none."""

    kept: int
    written: int
    bad: dict[str, str]


def extract(
    frames: Sequence[ImageFrame],
    extractor: FeatureExtractor,
    folder: FeatureFolder,
    options: ExtractOptions,
) -> Extracted:
    """Write the feature file of every frame of this process's shard that has none.

    Args:
        frames: All frames, the same for every process.
        extractor: The network.
        folder: Where the files go.
        options: How.

    Raises:
        ValueError: If the folder was made by another network, the disk is too small,
            or images cannot be read: the other frames are finished first.
        OSError: If a file cannot be written.
    """
    if options.overwrite and options.shard.world_size > 1:
        raise ValueError(
            f"--overwrite with {options.shard.world_size} processes could delete what "
            f"the others write. Delete {folder.root} and call without it"
        )
    folder.open(_made_by(extractor), options.overwrite)
    if options.shard.world_size == 1:
        folder.remove_leftovers()
    mine = options.shard.of(frames)
    unfinished = mine if options.overwrite else folder.unfinished(mine)
    shard, of_all = options.shard, unfinished
    if shard.world_size > 1:
        of_all = folder.unfinished(frames)
    needed = bytes_needed(of_all, extractor)
    free = check_space(folder.root, needed)
    share = "" if shard.is_all else f" ({shard})"
    print_log(
        f"{extractor.name}, weights {extractor.weights[:16]}: {len(unfinished)} files "
        f"to make{share}, {len(frames)} frames in all; {gigabytes(needed)} needed, "
        f"{gigabytes(free)} free at {folder.root}",
        logger="current",
    )
    bad = Pipeline(extractor, folder, options, unfinished).run() if unfinished else {}
    kept, written = len(mine) - len(unfinished), len(unfinished) - len(bad)
    print_log(
        f"{folder.root}: {written} files made, {kept} were there, {len(bad)} images "
        "cannot be read",
        logger="current",
    )
    for idx, reason in sorted(bad.items()):
        print_log(f"skipped {idx}: {reason}", logger="current")
    if bad and not options.skip_bad:
        idx, reason = min(bad.items())
        raise ValueError(
            f"{len(bad)} frames have no features, first {idx}: {reason}. The others "
            "are finished. Mend the images and call again, or leave them out with "
            "--on-bad skip"
        )
    return Extracted(kept, written, bad)


def _made_by(extractor: FeatureExtractor) -> dict:
    """What decides the values of a feature file, beside its image."""
    keys = ("model", "weights", "layers", "patch", "channels")
    source = vars(extractor.source((1, 1)))
    return {key: source[key] for key in keys} | {"input_size": extractor.input_size}


def bytes_needed(frames: Sequence[ImageFrame], extractor: FeatureExtractor) -> int:
    """Bytes of the files of ``frames``, taking every scene's images for equally large.

    Only the header of one image per scene is read; one that cannot be counts nothing,
    the extraction will name it.
    """
    sizes: dict[str, int] = {}
    for frame in frames:
        if frame.scene not in sizes:
            try:
                source = extractor.source(read_size(frame.path))
                sizes[frame.scene] = file_bytes(source)
            except (OSError, ValueError):
                sizes[frame.scene] = 0
    return sum(sizes[frame.scene] for frame in frames)


class Group(NamedTuple):
    """Images of one size."""

    numbers: list[int]  # which frames, in the order of the batch
    images: Tensor  # (B, H, W, 3) uint8 RGB


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
