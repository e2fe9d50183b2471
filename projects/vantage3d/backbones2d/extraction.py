"""Features of every image of a recording, on disk: batched, resumable, sharded."""

from collections.abc import Sequence
from typing import NamedTuple

from mmengine.logging import print_log

from vantage3d.backbones2d.extractor import FeatureExtractor
from vantage3d.backbones2d.feature_folder import (
    FeatureFolder,
    check_space,
    file_bytes,
    gigabytes,
)
from vantage3d.backbones2d.frames import ImageFrame
from vantage3d.backbones2d.pipeline import ExtractOptions, Pipeline
from vantage3d.io.images import read_size


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
    share = f" (shard {shard.rank} of {shard.world_size})" * (shard.world_size > 1)
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
