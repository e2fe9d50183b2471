"""Features of every image of a recording, on disk: batched, resumable, sharded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.logging import print_log
from PIL import Image
from torch import Tensor

from projects.common.backbones2d.extractor import FeatureExtractor, Size, autocast
from projects.common.backbones2d.feature_folder import (
    FeatureFolder,
    FeatureWriter,
    check_space,
    file_bytes,
    gigabytes,
)
from projects.common.backbones2d.frames import ImageFrame, Shard
from projects.common.backbones2d.images import Batch, load_batches
from projects.common.progress import track


@dataclass(frozen=True)
class ExtractOptions:
    """How to extract; nothing here changes a feature, but for ``amp`` its last bits.

    Attributes:
        batch_size: Images at once.
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


class Extracted(NamedTuple):
    """How many files were there before and are new, and why frames have none."""

    kept: int
    written: int
    bad: dict[str, str]


def extract(
    frames: Sequence[ImageFrame],
    extractor: FeatureExtractor,
    folder: FeatureFolder,
    options: ExtractOptions = ExtractOptions(),
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
    _announce(frames, unfinished, extractor, folder, options)
    bad = _Run(extractor, folder, options, unfinished).go() if unfinished else {}
    kept = len(mine) - len(unfinished)
    return _finish(Extracted(kept, len(unfinished) - len(bad), bad), folder, options)


def _made_by(extractor: FeatureExtractor) -> dict:
    """What decides the values of a feature file, beside its image."""
    return {
        "model": extractor.name,
        "weights": extractor.weights,
        "layers": extractor.layers,
        "patch": extractor.patch,
        "channels": extractor.channels,
        "input_size": extractor.input_size,
    }


def _announce(
    frames: Sequence[ImageFrame],
    unfinished: Sequence[ImageFrame],
    extractor: FeatureExtractor,
    folder: FeatureFolder,
    options: ExtractOptions,
) -> None:
    """Say what will be made and what it takes; refuse it if the disk is too small."""
    shard = options.shard
    of_all = folder.unfinished(frames) if shard.world_size > 1 else unfinished
    needed = bytes_needed(of_all, extractor)
    free = check_space(folder.root, needed)
    share = f" (shard {shard.rank} of {shard.world_size})" * (shard.world_size > 1)
    print_log(
        f"{extractor.name}, weights {extractor.weights[:16]}: {len(unfinished)} files "
        f"to make{share}, {len(frames)} frames in all; {gigabytes(needed)} needed, "
        f"{gigabytes(free)} free at {folder.root}",
        logger="current",
    )


def bytes_needed(frames: Sequence[ImageFrame], extractor: FeatureExtractor) -> int:
    """Bytes of the files of ``frames``, taking every scene's images for equally large.

    Only the header of one image per scene is read; one that cannot be counts nothing,
    the extraction will name it.
    """
    sizes: dict[str, int] = {}
    for frame in frames:
        if frame.scene not in sizes:
            size = _image_size(frame.path)
            sizes[frame.scene] = file_bytes(extractor.source(size)) if size else 0
    return sum(sizes[frame.scene] for frame in frames)


def _image_size(path: Path) -> Size | None:
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, ValueError):
        return None


class _Pending(NamedTuple):
    """Features on their way from the device, and the images' (W, H)."""

    numbers: list[int]
    feats: Tensor  # (B, C, h, w) float16 on the CPU
    image_size: Size
    copied: torch.cuda.Event | None


class _Run:
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

    def go(self) -> dict[str, str]:
        """Make every file; which frames have none, and why."""
        for _ in track(self._frames_done(), len(self.frames), self.extractor.name):
            pass
        return self.bad

    def _frames_done(self) -> Iterator[int]:
        """The number of each frame that is finished."""
        options, waiting = self.options, None
        pin = options.device.type == "cuda"
        batches = load_batches(self.frames, options.batch_size, options.workers, pin)
        with FeatureWriter(self.folder, 4 * options.batch_size) as writer:
            for batch in batches:
                yield from self._note_errors(batch)
                for group in batch.groups:
                    launched = self._launch(group.numbers, group.images)
                    yield from self._write(writer, waiting)
                    waiting = launched
            yield from self._write(writer, waiting)

    def _note_errors(self, batch: Batch) -> Iterator[int]:
        for number, reason in batch.errors.items():
            self.bad[self.frames[number].idx] = reason
            yield number

    @torch.inference_mode()
    def _launch(self, numbers: list[int], images: Tensor) -> _Pending:
        """Start the network and the copy of its output; CUDA does not wait for them."""
        device = self.options.device
        on_device = images.to(device, non_blocking=True).permute(0, 3, 1, 2)
        with autocast(device, self.options.amp):
            feats = self.extractor(on_device).half()
        copied = None
        if device.type == "cuda":
            target = torch.empty(feats.shape, dtype=feats.dtype, pin_memory=True)
            feats = target.copy_(feats, non_blocking=True)
            copied = torch.cuda.Event()
            copied.record()
        return _Pending(numbers, feats, (images.shape[2], images.shape[1]), copied)

    def _write(self, writer: FeatureWriter, pending: _Pending | None) -> Iterator[int]:
        if pending is None:
            return
        if pending.copied is not None:
            pending.copied.synchronize()
        source = self.extractor.source(pending.image_size)
        for number, feats in zip(pending.numbers, pending.feats):
            writer.submit(self.frames[number], feats, source)
            yield number


def _finish(
    result: Extracted, folder: FeatureFolder, options: ExtractOptions
) -> Extracted:
    """Say what was made; raise for images that could not be read."""
    print_log(
        f"{folder.root}: {result.written} files made, {result.kept} were there, "
        f"{len(result.bad)} images cannot be read",
        logger="current",
    )
    for idx, reason in sorted(result.bad.items()):
        print_log(f"skipped {idx}: {reason}", logger="current")
    if result.bad and not options.skip_bad:
        idx, reason = min(result.bad.items())
        raise ValueError(
            f"{len(result.bad)} frames have no features, first {idx}: {reason}. The "
            "others are finished. Mend the images and call again, or leave them out "
            "with --on-bad skip"
        )
    return result
